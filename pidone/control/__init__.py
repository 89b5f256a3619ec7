"""What both ends of the control socket know.

protocol  commands, sizes, and the places of the socket: a leaf that PID 1, its sessions and clients share
client    the client's end: a request, and the answers to it
"""
