// Package device says what a compute device is: it compiles a Program, a flat list of
// instructions over planned memory, and runs it for the members of a population. The Null
// device runs nothing and says how much memory a program needs.
//
// A Program describes the work of ONE member; the population axis is the device's to
// schedule: a CPU gives members to cores, a GPU takes them all in one launch.
package device
