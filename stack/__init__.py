"""The live stack of docker-compose.yml: read here (compose.py), and run without Docker (native.py)."""
