# SPDX-License-Identifier: Apache-2.0
"""clients.py SOCKET KIND UID: clients of the control socket that mean no good, until they are killed.

silent   connections that say nothing, as many as there may be
trickle  ... that say a byte now and then
deaf     ... that ask and do not read
leave    ask and leave, over and over
junk     say what is no request, over and over
"""
import os
import select
import socket
import sys
import time

REQUEST = b'layerseal/v1 request\nverb status\nwait 60000\n\n'
path, kind, uid = sys.argv[1:]


def dial():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(1)
    s.connect(path)
    return s


def hold():
    """Keeps connections; those that are closed are made anew."""
    held = []
    while True:
        while len(held) < 100:
            held.append(dial())
            if kind == 'deaf':
                held[-1].send(REQUEST)
        if kind == 'trickle':
            for s in held:
                try:
                    s.send(b'l')
                except OSError:
                    pass
        if kind == 'deaf':
            time.sleep(0.1)
        else:
            ended = select.select(held, [], [], 0.1)[0]
            for s in ended:
                s.close()
            held = [s for s in held if s not in ended]


def pester():
    while True:
        s = dial()
        s.send(REQUEST if kind == 'leave' else b'\0' * 40000)
        s.close()


os.setgroups([])
os.setresgid(int(uid), int(uid), int(uid))
os.setresuid(int(uid), int(uid), int(uid))
while True:
    try:
        pester() if kind in ('leave', 'junk') else hold()
    except OSError:
        time.sleep(0.01)
