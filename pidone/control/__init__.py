"""What both ends of the control socket share.

protocol  commands, sizes and the places of the socket: a leaf for PID 1, its sessions and clients
client    the client's end: a request, and the answers to it
"""
