package study

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/analysis/similarity"
	"github.com/weightspace/weightspace/runtime/analysis/statistics"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/augment"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/par"
	"github.com/weightspace/weightspace/runtime/train"
)

// SimilaritySummary compares the models of the last selected epoch; a nil part was not asked for.
type SimilaritySummary struct {
	Models         int                    `json:"models"`
	Epoch          int                    `json:"epoch"`
	Agreement      *AgreementSummary      `json:"agreement,omitempty"`
	CKA            *CKASummary            `json:"cka,omitempty"`
	WeightDistance *WeightDistanceSummary `json:"weightDistance,omitempty"`
}

// AgreementSummary is over pairs of models.
type AgreementSummary struct {
	Images int    `json:"images"`
	Mean   Number `json:"mean"`
	// Pairs are the numbers of a box plot over all pairs; outliers are left out.
	Pairs Box `json:"pairs"`
}

// CKASummary is the mean over pairs, stage by stage.
type CKASummary struct {
	Images int        `json:"images"`
	Pairs  int        `json:"pairs"`
	Stages []CKAStage `json:"stages"`
}

// CKAStage is the similarity of one layer's activations.
type CKAStage struct {
	Layer    string `json:"layer"`
	Linear   Number `json:"linear"`
	Unbiased Number `json:"unbiased"`
}

// WeightDistanceSummary is over pairs.
type WeightDistanceSummary struct {
	Pairs      int    `json:"pairs"`
	MeanL2     Number `json:"meanL2"`
	MeanCosine Number `json:"meanCosine"`
	L2         Box    `json:"l2"`
	Cosine     Box    `json:"cosine"`
}

// Files of the analysis. predictions holds U16 [models, images] and agreement F32 [models, models]; their metadata models lists
// the modelIDs.
const (
	predictionsName = "predictions.safetensors"
	agreementName   = "agreement.safetensors"
	similaritySeed  = 1
)

func runSimilarity(ctx context.Context, c *Config, s *selection) (*Output, error) {
	set := c.Spec.Similarity
	m := &SimilaritySummary{Models: len(s.ids), Epoch: s.last()}
	out := s.output(m)
	out.Checkpoints = len(s.ids)
	rows, err := s.rows(ctx, c, s.last(), s.ids)
	if err != nil {
		return nil, err
	}
	var a *answers
	if set.Agreement || set.CKAPairs > 0 {
		if a, err = c.answers(ctx); err != nil {
			return nil, err
		}
	}
	if set.Agreement {
		if m.Agreement, err = agreement(ctx, a, s, rows, out); err != nil {
			return nil, err
		}
	}
	if set.CKAPairs > 0 {
		if m.CKA, err = cka(ctx, a, s, rows); err != nil {
			return nil, err
		}
	}
	if set.WeightPairs > 0 {
		if m.WeightDistance, err = weightDistance(ctx, c, s, rows); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func agreement(ctx context.Context, a *answers, s *selection, rows []float32, out *Output) (*AgreementSummary, error) {
	n := a.set.Test.N
	if limit := a.c.Spec.Similarity.AgreementImages; limit > 0 {
		n = min(n, limit)
	}
	if n == 0 {
		return nil, &InputError{"spec.similarity.agreement", "the data set has no test images", "study a zoo whose data set has a test split"}
	}
	predictions, err := a.predictions(ctx, s.models, rows, n)
	if err != nil {
		return nil, err
	}
	a.c.Say("Counting agreement", 0, 1)
	found, err := similarity.Agree(ctx, a.workers, predictions, len(s.ids))
	if err != nil {
		return nil, err
	}
	values := make([]float64, 0, len(s.ids)*(len(s.ids)-1)/2)
	matrix := make([]float32, len(s.ids)*len(s.ids))
	for i := range s.ids {
		for j := range s.ids {
			matrix[i*len(s.ids)+j] = float32(found.At(i, j))
			if i < j {
				values = append(values, found.At(i, j))
			}
		}
	}
	pairs := box(values)
	pairs.Outer = nil // there may be a hundred thousand
	models, err := json.Marshal(s.ids)
	if err != nil {
		return nil, err
	}
	meta := map[string]string{"models": string(models), "split": "test"}
	if out.Files[predictionsName], err = artifact.EncodeSafetensors([]artifact.Tensor{{Name: "predictions", DType: artifact.U16, Shape: []int{len(s.ids), n}, Data: littleEndian16(predictions)}}, meta); err != nil {
		return nil, err
	}
	out.Files[agreementName], err = artifact.EncodeSafetensors([]artifact.Tensor{{Name: "agreement", DType: artifact.F32, Shape: []int{len(s.ids), len(s.ids)}, Data: littleEndian32(matrix)}}, meta)
	return &AgreementSummary{Images: n, Mean: Number(found.Mean()), Pairs: pairs}, err
}

func littleEndian16(values []uint16) []byte {
	b := make([]byte, 0, 2*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

func littleEndian32(values []float32) []byte {
	b := make([]byte, 0, 4*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// cka compares pairs of models stage by stage. Activations are made anew for each pair: they are large, pairs are few.
func cka(ctx context.Context, a *answers, s *selection, rows []float32) (*CKASummary, error) {
	set := a.c.Spec.Similarity
	n, width := min(set.CKAImages, a.set.Test.N), s.rowWidth()
	pairs, err := similarity.SamplePairs(len(s.ids), set.CKAPairs, similaritySeed)
	if err != nil {
		return nil, err
	}
	m := &CKASummary{Images: n, Pairs: len(pairs)}
	networks := map[string]*train.Activations{}
	layers, err := nn.FromPlan(a.c.Zoo.Plan.Zoo)
	if err != nil {
		return nil, err
	}
	of := func(i int) (*train.Activations, [][]float32, error) {
		f := s.models[i].Activation
		net := networks[f]
		if net == nil {
			conf := train.Config{Activation: f, Data: a.set, Augmentation: augment.FromPlan(a.c.Zoo.Plan.Zoo.Augmentation), ISA: a.c.ISA, Workers: a.c.Workers}
			if net, err = train.NewActivations(conf, layers); err != nil {
				return nil, nil, err
			}
			networks[f] = net
		}
		x, err := net.Of(rows[i*width:(i+1)*width], &a.set.Test, n)
		return net, x, err
	}
	var linear, unbiased [][]float64
	for k, p := range pairs {
		net, x, err := of(p.I)
		if err != nil {
			return nil, err
		}
		_, y, err := of(p.J)
		if err != nil {
			return nil, err
		}
		if k == 0 {
			for _, name := range net.Stages() {
				m.Stages = append(m.Stages, CKAStage{Layer: name})
			}
			linear, unbiased = make([][]float64, len(x)), make([][]float64, len(x))
		}
		for l, d := range net.Widths() {
			found, err := similarity.LinearCKA(ctx, a.workers, similarity.Activations{X: x[l], D: d}, similarity.Activations{X: y[l], D: d})
			if err != nil {
				return nil, fmt.Errorf("models %s and %s, layer %s: %w", s.ids[p.I], s.ids[p.J], m.Stages[l].Layer, err)
			}
			linear[l], unbiased[l] = append(linear[l], found.Linear), append(unbiased[l], found.Unbiased)
		}
		a.c.Say("Comparing activations", k+1, len(pairs))
	}
	for l := range m.Stages {
		m.Stages[l].Linear = Number(statistics.Mean(slices.DeleteFunc(linear[l], math.IsNaN)))
		m.Stages[l].Unbiased = Number(statistics.Mean(slices.DeleteFunc(unbiased[l], math.IsNaN)))
	}
	return m, nil
}

// weightDistance is of trained parameters; running statistics are no weights.
func weightDistance(ctx context.Context, c *Config, s *selection, rows []float32) (*WeightDistanceSummary, error) {
	c.Say("Measuring distances of weights", 0, 1)
	p, err := points.New(rows, s.rowWidth())
	if err != nil {
		return nil, err
	}
	if p.D != s.width {
		p = p.Section(0, s.width)
	}
	pairs, err := similarity.SamplePairs(len(s.ids), c.Spec.Similarity.WeightPairs, similaritySeed)
	if err != nil {
		return nil, err
	}
	d, err := similarity.Weights(ctx, par.Workers(c.Workers), p, pairs)
	if err != nil {
		return nil, err
	}
	m := &WeightDistanceSummary{Pairs: len(pairs), MeanL2: Number(d.MeanL2), MeanCosine: Number(d.MeanCosine), L2: box(d.L2), Cosine: box(d.Cosine)}
	m.L2.Outer, m.Cosine.Outer = nil, nil
	return m, nil
}
