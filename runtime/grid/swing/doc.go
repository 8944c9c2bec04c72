// Package swing integrates the swing equation of a grid in the frame of its synchronous state,
//
//	d theta_i/dt = omega_i
//	d omega_i/dt = P_i - mean(P) - alpha omega_i - sum_j K_ij sin(theta_i - theta_j),
//
// and makes the labels of an ensemble from it: single-node basin stability with its standard
// error, survivability, the troublemaker's maximum frequency deviation, the return time (card
// power-grid-simulation, sections 3 to 5). It knows nothing of stores and kinds.
//
// A System is a grid with its state, a Kick a perturbation of one node, and a Solver takes kicks
// to outcomes. Simulate spreads kicks over solvers. An outcome is a function of (System, Options,
// Kick) alone: solvers, workers and shards only divide the work. Tallies add up exactly, in any
// order.
//
// # The method
//
// Tsitouras 5(4) (Computers and Mathematics with Applications 62, 2011), first same as last, the
// fifth-order value carried on; phases are not wrapped. The error is the root mean square over
// the 2N components of e_i/(absTol + relTol max(|y_i|, |y_i'|)). The controller is proportional-
// integral: with E the error of the step just tried and F = max(E, 1e-4) of the one accepted
// before (1e-4 at the start), q = E^(7/50) / F^(2/25) / 0.9 within [1/10, 5]; an accepted step
// (E <= 1) is followed by h/q, a rejected one by h / min(5, E^(7/50)/0.9). The first step is
// Hairer's rule (Solving Ordinary Differential Equations I, II.4) with exponent 1/5. These are
// the choices of the ensembles' own integrator.
//
// The maximum frequency deviation is taken at the published 1,000 times 10^-2 .. 10^2.7, by the
// method's own fourth-order interpolant, and at the end; not at t = 0.
//
// # The same bits everywhere, and a vector kernel
//
// Every operation is a single IEEE operation or an explicit fused multiply-add in a stated order,
// sine and cosine are vmath's, E^x is detmath's; so outcomes have the same bits on every machine.
// A kernel with one trajectory per SIMD lane drops in as another Solver: its state is [2N][lanes],
// its lines are read once for all lanes, and since no sum here crosses trajectories each lane can
// do exactly Reference's operations: acceleration (the two sums over a node's neighbours in the
// order of the adjacency), combine (stages in their order), the error's sum over components in
// order. It then has Reference's bits, which is what its test should demand: the tolerance between
// solvers is zero. One call should try one step of all lanes, with per-lane t and h, and give back
// each lane's error and largest |omega|; control, the verdict and the refill of a lane whose
// trajectory ended (from the next kick of Run's list) are per lane and stay in Go, through
// control.next, startStep and Options.verdict. Outcomes are written at the kick's place, so the
// order in which lanes finish does not matter. Saved times need a loop of their own: a lane
// evaluates the interpolant only when its step covers one. A rejected lane simply tries again.
package swing
