"""How Clausegate gets onto a machine: setting up a checkout, the sample workspaces of the demo and of Northwind."""
