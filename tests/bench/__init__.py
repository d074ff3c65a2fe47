"""`./cpms bench`: the figures this project promises, measured on this machine.

Each module measures one thing and says why if it cannot. Nothing here is a test: no run fails
because a machine is slow.
"""
