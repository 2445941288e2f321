#!/usr/bin/env python3
"""Measures for bench/footprint: two clients over some minutes, and starts until the first answer."""

import argparse
import json
import os
import select
import shlex
import socket
import statistics
import subprocess
import sys
import time

SCHEMA = 1
# A request of version 4, with a transmit timestamp that is not zero.
REQUEST = bytes([0x23]) + bytes(39) + bytes(range(1, 9))
ADDRESS = ("127.0.0.1", 11123)
# How often a server that starts is asked, and how long it may take.
SPACING = 0.0002
PATIENCE = 10


def lines(path):
    with open(path, encoding="ascii", errors="replace") as file:
        return dict(line.split(":", 1) for line in file if ":" in line)


def kib(fields, name):
    return int(fields.get(name, "0 kB").split()[0])


def spent(process):
    """Processor time in seconds, and voluntary and involuntary switches, of all threads; and how many there are."""
    cpu = voluntary = involuntary = threads = 0
    for thread in os.listdir(f"/proc/{process}/task"):
        path = f"/proc/{process}/task/{thread}"
        with open(f"{path}/schedstat", encoding="ascii") as file:
            cpu += int(file.read().split()[0]) / 1e9
        status = lines(f"{path}/status")
        voluntary += int(status["voluntary_ctxt_switches"])
        involuntary += int(status["nonvoluntary_ctxt_switches"])
        threads += 1
    return cpu, voluntary, involuntary, threads


def memory(process):
    status, maps = lines(f"/proc/{process}/status"), lines(f"/proc/{process}/smaps_rollup")
    return {
        "resident_kib": kib(status, "VmRSS"),
        "anonymous_kib": kib(status, "RssAnon"),
        "private_kib": kib(maps, "Private_Clean") + kib(maps, "Private_Dirty"),
        "private_dirty_kib": kib(maps, "Private_Dirty"),
    }


def as_client(process, before, span):
    cpu, voluntary, involuntary, _ = (now - then for now, then in zip(spent(process), before))
    hour = 3600 / span
    return {
        "cpu_s_per_hour": cpu * hour,
        "voluntary_switches_per_hour": voluntary * hour,
        "involuntary_switches_per_hour": involuntary * hour,
        "threads": spent(process)[3],
        **memory(process),
    }


def first_answer(command, environment):
    """Seconds from the start of a server to its first answer, and its processor time until then."""
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind(("127.0.0.1", 0))
    client.setblocking(False)
    start = time.perf_counter()
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - start < PATIENCE:
            client.sendto(REQUEST, ADDRESS)
            if select.select([client], [], [], SPACING)[0]:
                took = time.perf_counter() - start
                return took, spent(child.pid)[0]
        sys.exit(f"{command[0]} gave no answer within {PATIENCE} s")
    finally:
        child.terminate()
        child.wait()
        client.close()


def shown(value):
    return value if isinstance(value, str) else f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--span", type=float, required=True)
    parser.add_argument("--warm-up", type=float, required=True)
    parser.add_argument("--starts", type=int, required=True)
    parser.add_argument("--program", action="append", required=True, help="NAME,PID OF CLIENT,SIZE,LIBRARIES")
    parser.add_argument("--start", action="append", required=True, help="NAME=COMMAND OF SERVER")
    parser.add_argument("--libraries", default="")
    parser.add_argument("--json")
    args = parser.parse_args()
    environment = dict(os.environ, LD_LIBRARY_PATH=args.libraries)
    programs = {}
    for program in args.program:
        name, process, size, libraries = program.split(",")
        programs[name] = {"process": int(process), "stripped_octets": int(size), "shared_libraries": int(libraries)}
    commands = {name: shlex.split(command) for name, command in (start.split("=", 1) for start in args.start)}

    began = time.monotonic()
    starts = {name: [] for name in commands}
    for number in range(args.starts):
        order = list(commands) if number % 2 == 0 else list(reversed(commands))
        for name in order:
            starts[name].append(first_answer(commands[name], environment))
    time.sleep(max(0, args.warm_up - (time.monotonic() - began)))
    print(f"watching the clients for {args.span:.0f} s …", file=sys.stderr)
    before = {name: spent(program["process"]) for name, program in programs.items()}
    watched = time.monotonic()
    time.sleep(args.span)
    span = time.monotonic() - watched
    for name, program in programs.items():
        program.update(as_client(program.pop("process"), before[name], span))
        program["first_answer_ms"] = statistics.median(took for took, _ in starts[name]) * 1e3
        program["first_answer_cpu_ms"] = statistics.median(cpu for _, cpu in starts[name]) * 1e3

    names = list(programs)
    rows = [["as a client of 4 servers, poll 16 s", *names, f"{names[0]} / {names[1]}"]]
    for key in programs[names[0]]:
        values = [programs[name][key] for name in names]
        ratio = f"{values[0] / values[1]:.2f}" if values[1] else ""
        rows.append([key, *(shown(value) for value in values), ratio])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, width) in enumerate(zip(row, widths))) + " |")
        if number == 0:
            print("| " + " | ".join("-" * width for width in widths) + " |")
    print(f"\n({span:.0f} s watched, load average {os.getloadavg()[0]:.1f})")
    if args.json:
        document = {"schema": SCHEMA, "watched_s": span, "load_average": os.getloadavg(), "programs": programs}
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
