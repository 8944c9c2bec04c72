package report

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
)

func TestTwinFacts(t *testing.T) {
	m := &artifact.Manifest{Facts: []byte(`{"members":8,"twins":[{"name":"mp","method":"magnitude","twins":8,"sparsity":0.5,"accuracy":0.9281,"accuracyStd":0.01,"agreement":0.945}]}`)}
	got := twinFacts(m)
	if len(got) != 1 || got[0].Name != "Twins mp" || !strings.Contains(got[0].Value, "8 by magnitude, sparsity 0.500, test accuracy 0.928 ± 0.010, agreement with the parents 0.945") {
		t.Errorf("facts %+v", got)
	}
	for _, facts := range []string{"", "{", `{"twins":[]}`, `{"twins":[{"name":"` + strings.Repeat("x", 600) + `"}]}`, `{"twins":7}`} {
		if got := twinFacts(&artifact.Manifest{Facts: []byte(facts)}); len(got) != 0 {
			t.Errorf("%.30q gives %+v", facts, got)
		}
	}
}

// syntheticTwins gives each model of a zoo twins by two methods.
func syntheticTwins(in *Input) *Twins {
	t := &Twins{}
	layers := []string{"module_list.0.weight", "module_list.3.weight", "module_list.6.weight"}
	group := func(name, method string, target, end, cost float64, epochs int) {
		g := TwinGroup{Name: name, Method: method, Target: target, Layers: layers}
		for i, m := range in.Models {
			w := Twin{ID: fmt.Sprintf("%s-%v-%d", name, target, i), Parent: m.ID, ParentAccuracy: m.Final.TestAccuracy, Diverged: i == 1, Layers: []float64{end * 0.6, end, math.Min(1, end*1.1)}}
			for e := range epochs + 1 {
				s := end * float64(e) / float64(epochs)
				if method == "magnitude" {
					s = end
				}
				w.Moments = append(w.Moments, TwinMoment{e, s, m.Final.TestAccuracy - cost*s*s - 0.001*float64(i), 1 - cost*s - 0.002*float64(i)})
			}
			g.Twins = append(g.Twins, w)
		}
		t.Groups = append(t.Groups, g)
	}
	for _, target := range []float64{0.5, 0.7, 0.9} {
		group("pruned", "magnitude", target, target, 0.1, 3)
	}
	group("dropout", "variationalDropout", math.NaN(), 0.83, 0.06, 6)
	t.order()
	return t
}

func TestTwinsAreDrawn(t *testing.T) {
	in := syntheticZoo(smallShape, 7)
	in.Twins = syntheticTwins(&in)
	files := mustBuild(t, in)
	write(t, "twins", files)
	for _, want := range []string{"<h2>Sparse twins</h2>", "variational dropout", "epoch 6", "parents: ", "pruned 0.7", "module_list.3.weight"} {
		if !strings.Contains(string(files[PageName]), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if files["twins.svg"] == nil || files["twins.png"] == nil {
		t.Errorf("files %v", files.Names())
	}
	for i := range in.Twins.Groups {
		in.Twins.Groups[i].Twins = nil
	}
	if page := mustBuild(t, in)[PageName]; !strings.Contains(string(page), "No twin has a result") {
		t.Error("twins without results")
	}
}

func TestConvertTwins(t *testing.T) {
	half := 0.5
	diverged := int32(2)
	rows := []artifact.TwinRow{
		{TwinID: "b", ModelID: "m2", Name: "mp", Method: "magnitude", TargetSparsity: &half, ParentTestAccuracy: 0.9},
		{TwinID: "a", ModelID: "m1", Name: "mp", Method: "magnitude", TargetSparsity: &half, DivergedEpoch: &diverged},
		{TwinID: "c", ModelID: "m1", Name: "ard", Method: "variationalDropout"},
	}
	metrics := []artifact.TwinMetricRow{
		{TwinID: "b", Epoch: 1, Sparsity: 0.5, TwinMetrics: artifact.TwinMetrics{TestAccuracy: 0.8, Agreement: 0.95}}, {TwinID: "b", Epoch: 0, Sparsity: 0.5},
	}
	layers := []artifact.TwinLayerRow{{TwinID: "b", Epoch: 0, Layer: "x", Sparsity: 0.1}, {TwinID: "b", Epoch: 1, Layer: "x", Sparsity: 0.4}, {TwinID: "b", Epoch: 1, Layer: "y", Sparsity: 0.6}}
	got := convertTwins(rows, metrics, layers)
	if len(got.Groups) != 2 || got.Groups[0].Name != "ard" || finite(got.Groups[0].Target) || got.Groups[1].Target != 0.5 {
		t.Fatalf("groups %+v", got.Groups)
	}
	g := got.Groups[1]
	if len(g.Twins) != 2 || !g.Twins[0].Diverged || g.Twins[1].ID != "b" {
		t.Fatalf("twins %+v", g.Twins)
	}
	m, ok := g.Twins[1].last()
	if !ok || m.Epoch != 1 || m.Accuracy != 0.8 || m.Agreement != 0.95 || len(g.Twins[1].Layers) != 2 || g.Twins[1].Layers[1] != 0.6 {
		t.Errorf("twin b %+v", g.Twins[1])
	}
	if _, ok := g.Twins[0].last(); ok {
		t.Error("a diverged twin has a result")
	}
}
