"""Writes runtime/grid/measures/testdata/golden.json: network measures by NetworkX, flows by NumPy and
SciPy, of case14, a grown grid (its lines are those of runtime/grid/growth: Default(30), index 5) and a
disconnected graph.

    python golden_measures.py <root of the repository>
"""

import json
import sys
from pathlib import Path

import networkx as nx
import numpy as np
from scipy.optimize import root as solve

CASE14 = [(1, 2), (1, 5), (2, 3), (2, 4), (2, 5), (3, 4), (4, 5), (4, 7), (4, 9), (5, 6), (6, 11), (6, 12), (6, 13),
          (7, 8), (7, 9), (9, 10), (9, 14), (10, 11), (12, 13), (13, 14)]
GROWN = json.loads(Path(sys.argv[1], "runtime/grid/measures/testdata/grown.json").read_text())


def column(values, g):
    return [float(values[i]) for i in range(g.number_of_nodes())]


def of_paths(g):
    n = g.number_of_nodes()
    hops = dict(nx.all_pairs_shortest_path_length(g))
    cut = set(nx.articulation_points(g))
    return {
        "degree": [float(d) for _, d in sorted(g.degree())],
        "averageNeighbourDegree": column(nx.average_neighbor_degree(g), g),
        "clustering": column(nx.clustering(g), g),
        "coreNumber": column(nx.core_number(g), g),
        "articulation": [float(i in cut) for i in range(n)],
        "closeness": column(nx.closeness_centrality(g), g),
        "harmonic": column(nx.harmonic_centrality(g), g),
        "eccentricity": [float(max(hops[i].values())) for i in range(n)],
        "betweenness": column(nx.betweenness_centrality(g), g),
        "pageRank": column(nx.pagerank(g, tol=1e-16, max_iter=10000), g),
    }


def of_flows(g, p):
    n = g.number_of_nodes()
    resistance = nx.resistance_distance(g)
    laplacian = nx.laplacian_matrix(g, nodelist=range(n)).toarray().astype(float)
    values, vectors = np.linalg.eigh(laplacian)
    dc = np.linalg.pinv(9 * laplacian) @ p

    def residual(theta):
        theta = np.concatenate([[0], theta])
        f = p.copy()
        for a, b in g.edges():
            f[a] -= 9 * np.sin(theta[a] - theta[b])
            f[b] += 9 * np.sin(theta[a] - theta[b])
        return f[1:]

    state = np.concatenate([[0], solve(residual, dc[1:] - dc[0], tol=1e-14).x])
    loads = {}
    for name, load in (("dc", lambda a, b: abs(dc[a] - dc[b])), ("flow", lambda a, b: abs(np.sin(state[a] - state[b])))):
        of = [[load(i, j) for j in g.neighbors(i)] for i in range(n)]
        loads[name + "MaxLoad"], loads[name + "MeanLoad"] = [max(x) for x in of], [float(np.mean(x)) for x in of]
    return {
        "currentFlowBetweenness": column(nx.current_flow_betweenness_centrality(g), g),
        "currentFlowCloseness": column(nx.current_flow_closeness_centrality(g), g),
        "resistanceDistance": [sum(resistance[i].values()) / (n - 1) for i in range(n)],
        "eigenvector": [abs(x) for x in column(nx.eigenvector_centrality_numpy(g), g)],
        "fiedler": np.abs(vectors[:, 1]).tolist(),
        **loads,
    }, float(values[1])


out = {}
for name, lines, n in (("case14", [(a - 1, b - 1) for a, b in CASE14], 14), ("grown", GROWN["lines"], GROWN["n"]), ("pieces", [(0, 1), (1, 2), (3, 4)], 6)):
    g = nx.Graph()
    g.add_nodes_from(range(n))
    g.add_edges_from(lines)
    power = np.array([1.0 - 2 * (i % 2) for i in range(n)])
    case = {"n": n, "lines": [list(e) for e in lines], "nodes": of_paths(g)}
    case["global"] = {"Clustering": nx.average_clustering(g), "Transitivity": nx.transitivity(g)}
    if nx.is_connected(g):
        flows, connectivity = of_flows(g, power)
        case["nodes"].update(flows)
        case["global"].update(AlgebraicConnectivity=connectivity, PathLength=nx.average_shortest_path_length(g), Diameter=nx.diameter(g))
    out[name] = case
Path(sys.argv[1], "runtime/grid/measures/testdata/golden.json").write_text(json.dumps(out, indent=1) + "\n")
