// Package prune decides which weights of a network a mask drops: by magnitude over the whole network or layer by layer, and along a
// schedule in time (card sparse-twins, section 2). It works on plain rows and knows nothing of training.
package prune
