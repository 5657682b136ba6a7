"""Google Cloud: one project at a time, over REST with google-auth's credentials."""
