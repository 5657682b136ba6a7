"""Azure: subscriptions through Resource Manager and Resource Graph, and what Entra says of second factors."""
