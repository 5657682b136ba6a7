"""Every file system, worst first: whether it is encrypted, by which key, and how many volumes stand on it."""

from tui.views import View
from tui.widgets.columns import AGE, KEY, KEY_CLASS, NAME, REASON, REGION, SCOPE, SINCE, STATUS, TENANT, USERS, own

VIEW = View(
    "filesystems",
    "File systems",
    short="Files",
    order=20,
    kinds=("file-system",),
    columns=(STATUS, NAME, TENANT, SCOPE, REGION, *own("file-system"), USERS, KEY_CLASS, KEY, REASON, SINCE, AGE),
)
