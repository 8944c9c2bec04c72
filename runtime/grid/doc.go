// Package grid holds power-grid topologies: nodes with injected power, undirected lines with a
// coupling, and their adjacency. A Grid is what the swing equation
//
//	d theta_i/dt = omega_i
//	d omega_i/dt = P_i - alpha omega_i - sum_j K_ij sin(theta_i - theta_j)
//
// needs: P_i is a node's power (per unit of inertia) and K_ij the coupling of line ij. Sources:
// Schultz, Heitzig, Kurths 2014 (growth), Nauck et al. 2022 (the ensembles). Subpackages grow, read,
// measure and solve grids; none of them knows stores, kernels or devices.
package grid
