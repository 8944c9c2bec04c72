// Package train is the one training loop: a population of networks, one step at a time.
package train
