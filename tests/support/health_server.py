"""A gRPC server of grpcio with its own health service.

It prints its port, and then reads lines "SERVICE STATUS" from stdin. It is a separate program
because gRPC's threads do not work well in a test that forks.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    if "bare" not in sys.argv:
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    for line in sys.stdin:
        service, _, status = line.rstrip("\n").rpartition(" ")
        servicer.set(service, getattr(health_pb2.HealthCheckResponse, status))
        print("set", flush=True)
    server.stop(None)


if __name__ == "__main__":
    main()
