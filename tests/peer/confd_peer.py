"""Asks confd with Ganeti's own library; runs under Debian's Python, where that library is.

Arguments: port, key file, addresses.  Standard input: a JSON list of [type,
query]; standard output: a list of [status, answer, serial], or null where no
answer came.
"""

import json
import sys

from ganeti import constants
from ganeti.confd import client


def main() -> None:
    port, key_file, *addresses = sys.argv[1:]
    # Its list of types lacks one that the server has.
    constants.CONFD_REQS = frozenset({*constants.CONFD_REQS, 8})
    with open(key_file) as file:
        key = file.read()
    stored = client.StoreResultCallback()
    counted = client.ConfdCountingCallback(client.ConfdFilterCallback(stored))
    confd = client.ConfdClient(key, addresses, counted, port=int(port))
    answers = []
    for number, query in json.load(sys.stdin):
        request = client.ConfdClientRequest(type=number, query=query)
        counted.RegisterQuery(request.rsalt)
        confd.SendRequest(request, async_=False, coverage=-1)
        # It waits for most of those it asked.
        timed_out, _, replies = confd.WaitForReply(request.rsalt, timeout=2)
        if timed_out or not replies:
            answers.append(None)
            continue
        reply = stored.GetResponse(request.rsalt)[1].server_reply
        answers.append([reply.status, reply.answer, reply.serial])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
