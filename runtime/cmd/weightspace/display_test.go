package main

import (
	"strings"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/program"
	"github.com/weightspace/weightspace/runtime/spec"
)

// TestBriefFits: the words of a bar fit, whatever the name, and the numbers are never cut.
func TestBriefFits(t *testing.T) {
	for _, name := range []string{"a", "mnist-small", strings.Repeat("very-long-", 6) + "nam"} {
		s := &spec.Snapshot{Object: spec.Object{Name: name}, Stages: []spec.Stage{{Name: "train", Shards: make([]spec.Shard, 128)}}}
		p := program.Progress{Stage: "train", Shard: 99, Epoch: 49, Epochs: 50, Members: 8, TestAccuracyMembers: 8, TestAccuracySum: 7.5, SecondsLeft: 3599}
		for want, change := range map[string]func(){
			" train 100/128 epoch 49/50 acc 0.938 59m59s left": func() {},
			" train 100/128 epoch 49/50 acc 0.938 31h00m left": func() { p.SecondsLeft = 31 * 3600 },
			" train 100/128: the store is away":                func() { p.Store = v1alpha1.StoreUnavailable },
		} {
			kept := p
			change()
			if got := brief(s, p); len(got) > messageWidth && len(want) < messageWidth-4 || !strings.HasSuffix(got, want) {
				t.Errorf("%q has %d columns, want the end %q", got, len(got), want)
			}
			p = kept
		}
		p = program.Progress{Stage: "fetch", Bytes: 1 << 30, BytesTotal: 1<<40 - 1, BytesPerSecond: 1<<30 - 1, SecondsLeft: 3599}
		if got, want := brief(s, p), " fetch of 1024.0 GiB 1024.0 MiB/s 59m59s left"; len(got) > messageWidth || !strings.HasSuffix(got, want) {
			t.Errorf("%q has %d columns, want the end %q", got, len(got), want)
		}
	}
}
