"""The portal: what developers of partners see of their own clients. It changes nothing."""
