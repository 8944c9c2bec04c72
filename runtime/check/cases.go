package check

// Cases are functions of every operation that a device has: with and without broadcasting, axes of extent 0 and 1, operands used
// twice. Gradients of all exist, and are checked fused and as compositions.
func Cases() []Case {
	var out []Case
	for _, group := range []func() []Case{
		elementwiseCases, shapeCases, productCases, reductionCases, lossCases, attentionCases, indexCases, normCases, scanCases,
		graphStructureCases, convolutionCases, poolingCases, emptyCases,
	} {
		out = append(out, group()...)
	}
	return out
}
