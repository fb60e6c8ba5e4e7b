"""Reports: a versioned model, and its forms for screen, print, terminal and machine."""
