"""What connectors share: `pool`, `polling`, `marks`, and for remote files `files`, `client` and `folder`."""
