"""The house style, checked: layering, documentation, registered names, dead files, the README."""
