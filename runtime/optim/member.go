package optim

// StepRow does one step of member p on rows of its own: parameters w and gradients g [n], which need not lie in slabs.
// A frozen member is passed over.
func (o *Optimizer[T]) StepRow(w, g []T, p int) {
	need(len(w) >= o.c.Params && len(g) >= o.c.Params, "optim: StepRow: rows too short")
	if !o.frozen[p] {
		o.step(w, g, p)
	}
}
