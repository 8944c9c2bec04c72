// Package pop trains populations of networks that are recorded as graphs: slabs of weights, running statistics and moments with
// one row per member, hyper-parameters per member, members that stop when their numbers go bad.
//
// A network is recorded once and compiled per batch size; the device runs it for every member. One network is
// a population of one: there is no other path. Results of a member depend on its own seed, hyper-parameters and data
// alone, not on the others or on the number of workers.
package pop
