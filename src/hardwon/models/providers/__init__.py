"""One module for each kind of server. Their libraries are imported when a model is connected."""
