package program

import (
	"errors"
	"fmt"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/kernel"
)

// residual is a zoo of networks that the tile engine does not have: batch norm with running statistics, a residual block, a
// schedule over the whole run, clipping, smoothing, adamw.
const residual = `
dataset: {name: tiny}
architecture:
  layers:
  - {conv2d: {out: 4, kernel: 3, stride: 3}}
  - {batchNorm: {}}
  - {activation: {}}
  - {basicBlock: {out: 6, stride: 2}}
  - {dropout: {}}
  - {globalAvgPool: {}}
  - {linear: {out: 10}}
population:
  seeds: {count: 5}
  grid: {activation: [silu], optimizer: [adamw], initializer: [orthogonal], learningRate: ["3e-3"], weightDecay: ["1e-2"], dropout: ["0.1"]}
training: {epochs: 2, batchSize: 16, schedule: {oneCycle: {}}, gradientClipping: {norm: "1"}, labelSmoothing: "0.1"}
`

func residualZoo(t *testing.T) func(z *v1alpha1.ModelZooSpec) {
	return func(z *v1alpha1.ModelZooSpec) {
		sharding := z.Sharding
		*z = v1alpha1.ModelZooSpec{}
		if err := yaml.UnmarshalStrict([]byte(residual), z); err != nil {
			t.Fatal(err)
		}
		z.Sharding = sharding
	}
}

// Any network keeps the promises of the zoos' own: equal results whatever the shards, workers and instruction set, and after every crash.
func TestRecordedNetworkLeavesNoTrace(t *testing.T) {
	var want string
	for _, tc := range []struct {
		name    string
		shard   int32
		isa     kernel.Level
		workers int
	}{{"one shard", 0, kernel.Auto, 1}, {"ragged shards, two workers", 2, kernel.Auto, 2}, {"a shard each, pure Go", 1, kernel.Ref, 2}} {
		l := newLab(t)
		s := l.planZoo(l.dataset(), zooOptions{perShard: tc.shard, edit: residualZoo(t)})
		env := l.env()
		env.ISA, env.Workers = tc.isa, tc.workers
		r := l.runAll(s, env)
		if want == "" {
			want = r.ResultDigest
		}
		if r.ResultDigest != want || r.Zoo.Members != 5 || r.Zoo.Epochs != 2 {
			t.Errorf("%s: %+v, resultDigest %s, want %s", tc.name, r.Zoo, r.ResultDigest, want)
		}
	}
	l := newLab(t)
	in := l.dataset()
	for n := 1; n < 8; n++ {
		s := l.planZoo(in, zooOptions{name: fmt.Sprintf("crash-%d", n), edit: residualZoo(t)})
		env := l.env()
		env.Store = &crashing{Store: l.store, left: n}
		if _, err := l.run(s, s.Stages[0].Name, 0, env); !errors.Is(err, errCrash) {
			t.Fatalf("crash after write %d: error %v", n, err)
		}
		if got := l.runAll(s, l.env()).ResultDigest; got != want {
			t.Errorf("crash after write %d: resultDigest %s, want %s", n, got, want)
		}
	}
}
