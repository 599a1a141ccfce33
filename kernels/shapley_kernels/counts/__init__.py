"""Games of counts: of members, of correct ones, of those of each class or type."""

from shapley_kernels.arguments import described

GAMES = described(
    size_sum={"scores": "real K", "present": "flag K", "f": "real L"},
    cardinality={"f": "real L", "present": "flag K"},
    pass_at_k={"correct": "flag K", "present": "flag K", "m": "number"},
    plurality={"labels": "label K", "present": "flag K", "target": "number", "shared": "number"},
    separable={"labels": "label K", "present": "flag K", "f": "real L"},
    class_sizes={"labels": "label K", "present": "flag K", "table": "real L L"},
    typed={"types": "whole K", "present": "flag K", "table": "real E", "shape": "number"},
    weighted={"steps": "whole K", "values": "real E", "origin": "number"},
    geometric={"scores": "chance K", "present": "flag K"},
)
