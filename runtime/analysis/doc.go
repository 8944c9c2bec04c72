// Package analysis holds the mathematics of populations of networks, one package per question. They
// work on plain slices and know nothing of stores or manifests:
//
//	points      N rows of weights, their Gram matrices and distances
//	trajectory  quantities of one path through weight space, and the order of its points
//	cluster     dendrograms of many points, and how well a cut finds given groups
//	statistics  s(W): layer-wise statistics of weights; quartiles and box plots of a population
//	probe       ridge and logistic probes of properties from features
//	similarity  agreement, CKA and distances between networks
//	rebasin     permutations of hidden units, weight matching, averages and soups
//	embed       PCA and t-SNE, for the eye
//
// Results are the same for every number of workers. They are float64 unless stated; on one processor
// family they are the same bits, between families they agree to rounding.
package analysis
