package program

import (
	"context"
	"fmt"
	"io"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/tensor"
	"github.com/weightspace/weightspace/runtime/train"
	"github.com/weightspace/weightspace/runtime/zoo"
)

// lineageName is the table of a zoo whose members continue those of another.
const lineageName = "lineage.parquet"

// loadInitial reads the models that members continue, each row checked against the sha256 in its shard's manifest; nil for members that
// start from nothing. Members with the same parent share its row.
func loadInitial(ctx context.Context, z *spec.Zoo, members []spec.Member, env *Env) ([]train.Initial, error) {
	w := z.Initial
	if w == nil {
		return nil, nil
	}
	net, err := nn.FromPlan(z)
	if err != nil {
		return nil, err
	}
	store, err := env.datasetStore(w.Zoo.Store)
	if err != nil {
		return nil, err
	}
	parents, err := zoo.Open(ctx, store, w.Zoo.Path)
	if err != nil {
		return nil, fmt.Errorf("spec.initialWeights.zoo: %w", err)
	}
	if have := parents.Manifest.ResultDigest; have != w.Zoo.ResultDigest {
		return nil, &InputError{
			Field: "spec.initialWeights.zoo.name", Problem: fmt.Sprintf("ModelZoo %s has digest %s now, the plan continues %s", w.Zoo.Name, have, w.Zoo.ResultDigest),
			Remedy: "create another ModelZoo to continue the models as they are now",
		}
	}
	layout, err := parents.Layout(ctx)
	if err != nil {
		return nil, fmt.Errorf("spec.initialWeights.zoo: %w", err)
	}
	var models []string
	at := map[string]int{}
	for _, m := range members {
		if _, ok := at[m.Parent]; !ok {
			at[m.Parent] = len(models)
			models = append(models, m.Parent)
		}
	}
	if err := kept(parents, models, w); err != nil {
		return nil, err
	}
	width := tensor.Total(layout)
	rows := make([]float32, len(models)*width)
	if err := parents.Weights(ctx, w.Epoch, models, width, rows); err != nil {
		return nil, fmt.Errorf("spec.initialWeights.zoo: %w", err)
	}
	out := make([]train.Initial, len(members))
	for i, m := range members {
		from := at[m.Parent] * width
		out[i] = train.Initial{Layout: layout, Row: rows[from : from+width : from+width], Head: net[len(net)-1].Name}
	}
	return out, nil
}

// kept makes sure that the parent zoo kept the checkpoints that are continued.
func kept(parents *zoo.Zoo, models []string, w *spec.InitialWeights) error {
	for _, m := range models {
		found := false
		for _, e := range parents.Epochs(m) {
			found = found || e == w.Epoch
		}
		if !found {
			return &InputError{
				Field: "spec.initialWeights.epoch", Problem: fmt.Sprintf("ModelZoo %s holds no weights of model %s at epoch %d; it has epochs %v", w.Zoo.Name, m, w.Epoch, parents.Epochs(m)),
				Remedy: "use an epoch that its retention keeps, or last",
			}
		}
	}
	return nil
}

// addLineage writes lineage.parquet and lists it in the manifest, for a zoo whose members continue others.
func addLineage(ctx context.Context, s *spec.Snapshot, env *Env, m *artifact.Manifest) error {
	w := s.Zoo.Initial
	if w == nil {
		return nil
	}
	var rows []artifact.LineageRow
	for co := range s.Zoo.Cohorts {
		for _, member := range plan.Members(s.Zoo, co, 0, plan.CohortSize(s.Zoo, co)) {
			rows = append(rows, artifact.LineageRow{
				ModelID: member.ID, ParentModelID: member.Parent, ParentZoo: w.Zoo.Name, ParentResultDigest: w.Zoo.ResultDigest,
				ParentEpoch: int32(w.Epoch), Head: w.Head, Hidden: int32(w.Hidden),
			})
		}
	}
	b, err := tableBytes(lineageName, func(out io.Writer) error { return artifact.WriteLineage(out, rows) })
	if err != nil {
		return err
	}
	m.Files = append(m.Files, artifact.Entry(lineageName, b))
	return putIfDifferent(ctx, env, s.ArtifactPath+"/"+lineageName, b)
}
