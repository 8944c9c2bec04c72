package train

import (
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/augment"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
)

// Views of an image find each other: the contrastive loss falls and the accuracy rises far above chance (1 of 63 rows).
func TestContrastiveTrainingLearns(t *testing.T) {
	d := synthetic(64, 0, 32, 1)
	c := recordedConfig(d, 2, 1, kernel.Auto)
	c.Augmentation = &augment.Config{Crop: &augment.Crop{Padding: 1}, Erasing: &augment.Erasing{Probability: 0.5, Scale: [2]float64{0.02, 0.1}, Ratio: [2]float64{0.5, 2}}}
	r := Recipe{Layers: small(10), Temperature: 0.2}
	e := trained(t, c, r, 0)
	before, err := e.Evaluate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 80 {
		if err := e.TrainEpoch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	after, err := e.Evaluate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, err := e.Evaluate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for p := range after {
		if after[p].TestLoss > before[p].TestLoss-0.3 || after[p].TestAccuracy < 0.3 || again[p].TestLoss != after[p].TestLoss {
			t.Errorf("member %d: %+v before, %+v after", p, before[p], after[p])
		}
	}
}

// A network of cropped images evaluates and answers as one whose data set was cut to size.
func TestEvaluationCutsToSize(t *testing.T) {
	d := synthetic(32, 0, 20, 1)
	cut := *d
	for _, s := range []*data.Split{&cut.Train, &cut.Test} {
		s.Images = centres(s, 20)
		s.H, s.W = 20, 20
	}
	c := recordedConfig(d, 1, 1, kernel.Auto)
	c.Augmentation = &augment.Config{Size: 20, Crop: &augment.Crop{}}
	r := Recipe{Layers: small(10)}
	large, small := trained(t, c, r, 0), trained(t, recordedConfig(&cut, 1, 1, kernel.Auto), r, 0)
	a, err := large.Evaluate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := small.Evaluate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a[0].TestLoss != b[0].TestLoss || a[0].TrainLoss != b[0].TrainLoss {
		t.Errorf("%+v, cut before %+v", a, b)
	}
	logits := func(c Config) []float32 {
		f, err := NewRecordedForward(c, r.Layers)
		if err != nil {
			t.Fatal(err)
		}
		out, err := f.Logits(large.Weights(), &c.Data.Test, 20)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if !slices.Equal(logits(c), logits(recordedConfig(&cut, 1, 1, kernel.Auto))) {
		t.Error("the answers differ")
	}
}

// centres cuts the middle of images out.
func centres(s *data.Split, side int) []uint8 {
	var out []uint8
	for i := range s.N * s.C {
		for y := range side {
			at := (i*s.H+(s.H-side)/2+y)*s.W + (s.W-side)/2
			out = append(out, s.Images[at:at+side]...)
		}
	}
	return out
}

func TestInitialWeightsHaveToFit(t *testing.T) {
	d := synthetic(32, 0, 20, 1)
	c := recordedConfig(d, 2, 1, kernel.Auto)
	r := Recipe{Layers: small(10)}
	parent := trained(t, c, r, 1)
	row := parent.Weights()[:len(parent.Weights())/2]
	layout := parent.Layout()
	head := r.Layers[len(r.Layers)-1].Name
	good := Initial{Layout: layout, Row: row, Head: head}
	r.Initial = []Initial{good, good}
	child := trained(t, c, r, 0)
	for p := range 2 {
		own := child.Weights()[p*len(row):]
		for _, q := range layout {
			same := slices.Equal(own[q.Offset:q.Offset+q.Size()], row[q.Offset:q.Offset+q.Size()])
			if inHead := strings.HasPrefix(q.Name, head+"."); inHead == same {
				t.Errorf("member %d: %s taken over: %v", p, q.Name, same)
			}
		}
	}
	renamed := slices.Clone(layout)
	renamed[0].Name = "other"
	reshaped := slices.Clone(layout)
	reshaped[0].Shape = []int{1}
	outside := slices.Clone(layout)
	outside[0].Offset = len(row)
	for want, list := range map[string][]Initial{
		"initial weights for 1 of 2 members":    {good},
		"have no tensor " + layout[0].Name:      {good, {Layout: renamed, Row: row, Head: head}},
		"member 0: the initial weights have no": {{Layout: reshaped, Row: row, Head: head}, good},
		"lies outside":                          {good, {Layout: outside, Row: row, Head: head}},
	} {
		r.Initial = list
		if _, err := NewRecorded(c, r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
