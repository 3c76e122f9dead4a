"""Numbers of the page's pictures, apart from how they are drawn."""
