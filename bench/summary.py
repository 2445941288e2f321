#!/usr/bin/env python3
"""Medians and ratios of what bench/server has measured: one JSON document per line in, tables and one document out."""

import argparse
import json
import os
import statistics
import sys

SCHEMA = 1

# What each scenario is called, and the columns of its table.
SCENARIOS = {
    "plain": ("Plain, saturated: closed loop, 256 on their way", ["cpu", "rate", "wake", "p99", "held"]),
    "many": ("Plain, saturated, from 4096 addresses", ["cpu", "rate", "wake", "p99", "held"]),
    "20k": ("Plain, 20,000/s", ["cpu", "rate", "wake", "p50", "p99"]),
    "50k": ("Plain, 50,000/s", ["cpu", "rate", "wake", "p50", "p99"]),
    "nts": ("NTS (AEAD 15), saturated", ["cpu", "rate", "user", "p99", "held"]),
    "nts-20k": ("NTS (AEAD 15), 20,000/s", ["cpu", "rate", "wake", "p50", "p99"]),
    "limit": ("Highest rate with less than 1 % lost, in steps of 10,000/s", ["sent", "lost"]),
    "overload": ("300,000/s offered, or what the generator can", ["rate", "sent", "lost", "cpu"]),
    "fairness": ("32 honest clients during a flood from 4 addresses, rate limits on", ["good", "lost", "p50", "p99"]),
    "fairness-flood": ("The flood of that", ["floodcpu", "sent", "rate"]),
    "ke": ("NTS-KE, X25519, one handshake after another", ["ke", "kerate", "kep50"]),
    "ke-hybrid": ("NTS-KE with X25519MLKEM768, which chrony 4.3 does not have", ["ke", "kerate", "kep50"]),
    "scaling": ("One worker and two, on two cores that they share with the load", ["cpu", "rate", "wake", "held"]),
    "idle": ("Hardly any load: the time as it is served", []),
}


def of(*path):
    """The value at a path of a document, if it is there."""

    def read(result):
        for step in path:
            if not isinstance(result, dict) or step not in result:
                return None
            result = result[step]
        return result

    return read


def per_sent(result):
    server, load = result.get("server"), result["load"]
    return server["cpu_s"] / load["sent"] * 1e6 if server and load["sent"] else None


def share(numerator, denominator):
    def read(result):
        above, below = of(*numerator)(result), of(*denominator)(result)
        return above / below * 100 if above is not None and below else None

    return read


# Name, how to read it, digits, whether its ratios tell anything.
COLUMNS = {
    "cpu": ("µs CPU/answer", of("load", "server_cpu_per_answer_us"), 2, True),
    "rate": ("answers/s", of("load", "answered_per_s"), 0, True),
    "sent": ("sent/s", of("load", "sent_per_s"), 0, True),
    "wake": ("wake-ups/answer", of("load", "server_wakeups_per_answer"), 3, False),
    "p50": ("p50 µs", of("load", "latency_us", "p50"), 0, False),
    "p99": ("p99 µs", of("load", "latency_us", "p99"), 0, False),
    "held": ("held up/s", lambda result: result["server"]["involuntary_switches"] / result["load"]["duration_s"], 0, False),
    "user": ("user %", lambda result: result["server"]["user_ratio"] * 100, 0, False),
    "lost": ("lost %", lambda result: result["load"]["lost_ratio"] * 100, 2, False),
    "good": ("answered %", share(("load", "answered"), ("load", "sent")), 1, False),
    "floodcpu": ("µs CPU/request", per_sent, 2, True),
    "ke": ("ms CPU/handshake", of("handshakes", "server_cpu_per_handshake_ms"), 3, True),
    "kerate": ("done", of("handshakes", "established"), 0, False),
    "kep50": ("p50 µs", of("handshakes", "latency_us", "p50"), 0, False),
}

ERRORS = [
    ("offset p50", ("offset_us", "p50")),
    ("|offset| p99", ("offset_us", "p99_of_sizes")),
    ("T2-T1 p50", ("request_us", "p50")),
    ("T2-T1 p99", ("request_us", "p99")),
    ("T4-T3 p50", ("reply_us", "p50")),
    ("T4-T3 p99", ("reply_us", "p99")),
]


def spread(values):
    """Median, least and greatest."""
    values = [value for value in values if value is not None]
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}


def table(head, rows):
    widths = [max(len(row[place]) for row in [head] + rows) for place in range(len(head))]
    for row in [head, ["-" * width for width in widths]] + rows:
        cells = [cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, width) in enumerate(zip(row, widths))]
        print("| " + " | ".join(cells) + " |")


def shown(value, digits):
    return "" if value is None else f"{value:,.{digits}f}"


def ratio(mine, other):
    """The median of the ratios within each run: a machine that slows down does so for all."""
    pairs = [(mine[run], other[run]) for run in mine if mine[run] is not None and other.get(run)]
    return statistics.median(one / two for one, two in pairs) if pairs else None


def ratios_of(column, lines, servers):
    """What the first column of a table, which is what it is about, is in terms of the floor's and of chrony's."""
    read = COLUMNS[column][1]
    values = {server: {line["run"]: read(line["result"]) for line in lines if line["server"] == server} for server in servers}
    others = [name for name in servers if name.startswith(("chrony", "floor"))] if COLUMNS[column][3] else []
    return {server: {other: ratio(values[server], values[other]) for other in others} for server in servers}


def scenario_table(columns, figures, servers, ratios):
    main = columns[0]
    head = ["server"]
    for column in columns:
        name, _, digits, _ = COLUMNS[column]
        head.append(name)
        if column == main:
            head.append("[min-max]")
    head += [f"/ {name}" for name in ratios[servers[0]]]
    rows = []
    for server in servers:
        row = [server]
        for column in columns:
            digits, figure = COLUMNS[column][2], figures[server].get(column)
            row.append(shown(figure and figure["median"], digits))
            if column == main:
                row.append(f"[{shown(figure['min'], digits)}-{shown(figure['max'], digits)}]" if figure else "")
        row += [shown(ratios[server].get(name), 2) for name in ratios[server]]
        rows.append(row)
    table(head, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results")
    parser.add_argument("--json")
    parser.add_argument("--version", default="unknown")
    parser.add_argument("--priority", default="")
    args = parser.parse_args()
    with open(args.results, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    if not lines:
        sys.exit("nothing was measured")

    document = {
        "schema": SCHEMA,
        "version": args.version,
        "priority": args.priority,
        "kernel": os.uname().release,
        "processors": os.cpu_count(),
        "load_average": os.getloadavg(),
        "scenarios": {},
    }
    errors = []
    for name, (title, columns) in SCENARIOS.items():
        mine = [line for line in lines if line["scenario"] == name]
        if not mine:
            continue
        servers = list(dict.fromkeys(line["server"] for line in mine if line["run"] == 1))
        servers += [line["server"] for line in mine if line["server"] not in servers]
        servers = list(dict.fromkeys(servers))
        figures = {}
        for server in servers:
            results = [line["result"] for line in mine if line["server"] == server]
            figures[server] = {column: spread([COLUMNS[column][1](result) for result in results]) for column in columns}
            served = [of("load", "served_time")(result) for result in results]
            served = {label: spread([of(*path)(one) for one in served if one]) for label, path in ERRORS}
            if served["offset p50"]:
                figures[server]["served_time_us"] = served
                if name in ("plain", "nts", "idle", "20k", "50k"):
                    errors.append((name, server, served))
        noise = spread([line["result"]["other_busy_processors"] for line in mine])
        late = spread([of("load", "lateness_us", "p99")(line["result"]) for line in mine])
        skipped = spread(
            [line["result"]["load"]["skipped"] / max(1, line["result"]["load"]["sent"]) * 100 for line in mine if line["result"].get("load")]
        )
        if columns:
            print(f"\n{title}\n")
            ratios = ratios_of(columns[0], mine, servers)
            for server in servers:
                figures[server]["ratios"] = ratios[server]
            scenario_table(columns, figures, servers, ratios)
            told = f"others kept {noise['median']:.2f} processors busy [{noise['min']:.2f}-{noise['max']:.2f}]"
            if late:
                told += f"; the generator was {late['median']:,.0f} µs late at p99, and left {skipped['median']:.1f} % out"
            print(f"\n({told})")
        document["scenarios"][name] = {
            "title": title,
            "servers": figures,
            "other_busy_processors": noise,
            "runs": [{key: line[key] for key in ("server", "run", "result")} for line in mine],
        }
    if errors:
        print("\nError of the served time, in µs (medians of the runs; a client of the same clock should see 0)\n")
        order = {server: place for place, server in enumerate(dict.fromkeys(server for _, server, _ in errors))}
        errors.sort(key=lambda entry: order[entry[1]])
        table(
            ["server", "load"] + [label for label, _ in ERRORS],
            [[server, name] + [shown(served[label] and served[label]["median"], 1) for label, _ in ERRORS] for name, server, served in errors],
        )
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
