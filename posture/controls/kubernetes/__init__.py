"""Kubernetes: storage classes, persistent volumes and the claims and workloads on them, snapshots, and routes from
outside.
"""
