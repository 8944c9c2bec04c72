package data

// ResultDigest is for the tests.
var ResultDigest = resultDigest
