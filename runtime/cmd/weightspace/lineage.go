package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/zoo"
)

// parentName is the zoo that a zoo continues, as namespace/name; "" for none.
func parentName(z *v1alpha1.ModelZoo) string {
	if z.Spec.InitialWeights.Zoo.Name == "" {
		return ""
	}
	return z.Namespace + "/" + string(z.Spec.InitialWeights.Zoo.Name)
}

// parentsFirst orders zoos so that those that others continue come first, otherwise as they were written.
func parentsFirst(zoos []*object[v1alpha1.ModelZoo]) ([]*object[v1alpha1.ModelZoo], error) {
	byName := map[string]*object[v1alpha1.ModelZoo]{}
	for _, z := range zoos {
		byName[z.value.Namespace+"/"+z.value.Name] = z
	}
	var out []*object[v1alpha1.ModelZoo]
	const begun, done = 1, 2
	state := map[*object[v1alpha1.ModelZoo]]int{}
	var visit func(z *object[v1alpha1.ModelZoo]) error
	visit = func(z *object[v1alpha1.ModelZoo]) error {
		switch state[z] {
		case done:
			return nil
		case begun:
			return z.source.at("spec.initialWeights.zoo.name", fmt.Sprintf("ModelZoo %q continues itself, by way of others or not", z.value.Name), "let one of them start from nothing")
		}
		state[z] = begun
		if parent := byName[parentName(z.value)]; parent != nil {
			if err := visit(parent); err != nil {
				return err
			}
		}
		state[z] = done
		out = append(out, z)
		return nil
	}
	for _, z := range zoos {
		if err := visit(z); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// parent opens the zoo that a zoo continues; it ran before or lies finished in the store.
func (l *local) parent(ctx context.Context, z *v1alpha1.ModelZoo, in *plan.Inputs) error {
	if parentName(z) == "" {
		return nil
	}
	store, err := l.stores.open(ctx, l.store)
	if err != nil {
		return err
	}
	parent := string(z.Spec.InitialWeights.Zoo.Name)
	opened, err := zoo.Open(ctx, store, z.Namespace+"/modelzoo/"+parent)
	if errors.Is(err, artifact.ErrNotFound) {
		return inputError("spec.initialWeights.zoo.name", fmt.Sprintf("no ModelZoo %q in namespace %q is among the files or finished in the store", parent, z.Namespace),
			"give its manifest too: -f may be repeated, and a finished zoo costs nothing")
	}
	if err != nil {
		return err
	}
	in.Zoo, in.ZooPlan = opened.Input(parent, l.store), opened.Plan.Zoo
	return nil
}

// plannedParent is parent for plans that are not run; they have to know the other zoo's manifest.
func plannedParent(z *v1alpha1.ModelZoo, in *plan.Inputs, zoos map[string]*spec.ZooInput, plans map[string]*spec.Zoo) error {
	name := parentName(z)
	if name == "" {
		return nil
	}
	if in.Zoo, in.ZooPlan = zoos[name], plans[name]; in.Zoo == nil || in.ZooPlan == nil {
		return inputError("spec.initialWeights.zoo.name", fmt.Sprintf("no ModelZoo %q in namespace %q is among the files", z.Spec.InitialWeights.Zoo.Name, z.Namespace),
			"give its manifest too: -f may be repeated")
	}
	return nil
}
