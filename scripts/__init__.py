"""What a developer or the build starts by hand: servers for tests, new migrations."""
