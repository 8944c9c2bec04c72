package study

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/weightspace/weightspace/runtime/analysis/embed"
	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/par"
)

// EmbeddingSummary says what the drawings are of. The coordinates are in embedding.parquet.
type EmbeddingSummary struct {
	Models int `json:"models"`
	// Epochs are those drawn: all, or evenly thinned ones.
	Epochs []int `json:"epochs"`
	// Explained are the shares of the variance along the first two components.
	Explained []Number `json:"explained,omitempty"`
	// Perplexity was used by t-SNE: less than asked for when there are few points. Divergence is in nats.
	Perplexity Number `json:"perplexity,omitempty"`
	Divergence Number `json:"divergence,omitempty"`
}

// embeddingName holds a row for each checkpoint: pca1, pca2, tsne1, tsne2 and its test accuracy.
const embeddingName = "embedding.parquet"

// thin keeps the selection's models, and as many evenly spaced epochs as fit among count checkpoints, the last one always.
func (s *selection) thin(count int) *selection {
	out := *s
	if len(out.ids) > count {
		out.ids, out.models, out.metrics = out.ids[:count], out.models[:count], out.metrics[:count]
	}
	keep := min(max(1, count/len(out.ids)), len(s.epochs))
	var at []int
	for i := 1; i <= keep; i++ {
		e := len(s.epochs) - 1
		if keep > 1 {
			e = (i - 1) * (len(s.epochs) - 1) / (keep - 1)
		}
		at = append(at, e)
	}
	out.epochs = nil
	metrics := make([][]artifact.MetricRow, len(out.ids))
	for _, e := range at {
		out.epochs = append(out.epochs, s.epochs[e])
		for m := range metrics {
			metrics[m] = append(metrics[m], out.metrics[m][e])
		}
	}
	out.metrics = metrics
	return &out
}

func runEmbedding(ctx context.Context, c *Config, all *selection) (*Output, error) {
	s := all.thin(c.Spec.Embedding.Points)
	weights, err := s.trajectories(ctx, c)
	if err != nil {
		return nil, err
	}
	p, err := points.New(weights, s.width)
	if err != nil {
		return nil, err
	}
	if p.N < 4 {
		return nil, &InputError{"spec.embedding", fmt.Sprintf("%d checkpoints are too few to draw", p.N), "select more models or epochs"}
	}
	m := &EmbeddingSummary{Models: len(s.ids), Epochs: s.epochs}
	t := s.table()
	for i, method := range c.Spec.Embedding.Methods {
		c.Say("Drawing with "+method, i, len(c.Spec.Embedding.Methods))
		if method == "pca" {
			err = m.pca(ctx, c, p, t)
		} else {
			err = m.tsne(ctx, c, p, t)
		}
		if err != nil {
			return nil, err
		}
	}
	out := s.output(m)
	out.Files[embeddingName], err = wide(t.wide())
	return out, err
}

// columns is a table that grows by columns.
type columns struct {
	artifact.WideTable
	list [][]float64
}

// table starts with the models, the epochs and the test accuracies.
func (s *selection) table() *columns {
	t := &columns{}
	var accuracy []float64
	for i, id := range s.ids {
		for e, epoch := range s.epochs {
			t.Model, t.Epoch = append(t.Model, id), append(t.Epoch, int32(epoch))
			accuracy = append(accuracy, s.metrics[i][e].TestAccuracy)
		}
	}
	t.add("testAccuracy", accuracy)
	return t
}

func (t *columns) add(name string, values []float64) {
	t.Columns, t.list = append(t.Columns, name), append(t.list, values)
}

func (t *columns) wide() *artifact.WideTable {
	for i := range t.Model {
		for _, values := range t.list {
			t.Values = append(t.Values, values[i])
		}
	}
	return &t.WideTable
}

// plane adds two columns of coordinates y [N, k]; a missing second one is 0.
func (t *columns) plane(name string, y []float64, k int) {
	n := len(t.Model)
	one, two := make([]float64, n), make([]float64, n)
	for i := range n {
		one[i] = y[i*k]
		if k > 1 {
			two[i] = y[i*k+1]
		}
	}
	t.add(name+"1", one)
	t.add(name+"2", two)
}

func (m *EmbeddingSummary) pca(ctx context.Context, c *Config, p points.Points, t *columns) error {
	r, err := embed.PCA(ctx, par.Workers(c.Workers), p, min(2, p.D))
	if err != nil {
		return err
	}
	for _, v := range r.Variance {
		m.Explained = append(m.Explained, Number(v/r.Total))
	}
	t.plane("pca", r.Scores, r.K)
	return nil
}

func (m *EmbeddingSummary) tsne(ctx context.Context, c *Config, p points.Points, t *columns) error {
	perplexity, _ := strconv.ParseFloat(c.Spec.Embedding.Perplexity, 64) // checked when the plan was made
	perplexity = math.Min(perplexity, float64(p.N-1)/3)
	e, err := embed.TSNE{Perplexity: perplexity}.Embed(ctx, par.Workers(c.Workers), p)
	if err != nil {
		return err
	}
	m.Perplexity, m.Divergence = Number(perplexity), Number(e.Divergence)
	t.plane("tsne", e.Y, 2)
	return nil
}
