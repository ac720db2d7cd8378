"""Mail programs on this machine: found, configured, and started in namespaces of their own."""
