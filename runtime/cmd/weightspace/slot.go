package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/program"
)

const (
	slotInterval     = 2 * time.Second
	slotTimeout      = 5 * time.Second
	slotFieldManager = "weightspace-runtime"
	maxSlotMessage   = 1024
)

// slot writes progress into the status of the pod's RunReport: the newest only, at most every
// two seconds, from its own goroutine. Nothing here can stop or slow the work: a missing
// RunReport, a refused write or an unreachable API server is logged once and tried again with the next progress.
type slot struct {
	apply  func(ctx context.Context, status v1alpha1.RunReportStatus) error
	log    *slog.Logger
	mu     sync.Mutex
	latest *program.Progress
	wake   chan struct{}
	done   chan struct{}
	ended  chan struct{}
	failed bool
}

// openSlot returns the pod's progress slot; one that does nothing outside a cluster.
func openSlot(log *slog.Logger, namespace, pod string) *slot {
	if namespace == "" || pod == "" {
		return nil
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Debug("No API server; progress is not reported", "err", err)
		return nil
	}
	return clusterSlot(log, config, namespace, pod)
}

// clusterSlot returns the slot of a pod in the cluster of config.
func clusterSlot(log *slog.Logger, config *rest.Config, namespace, pod string) *slot {
	config = rest.CopyConfig(config)
	config.Timeout = slotTimeout
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		log.Warn("Progress is not reported", "err", err)
		return nil
	}
	reports := client.Resource(schema.GroupVersionResource{Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: "runreports"}).Namespace(namespace)
	return newSlot(log, func(ctx context.Context, status v1alpha1.RunReportStatus) error {
		body, err := json.Marshal(map[string]any{
			"apiVersion": v1alpha1.GroupVersion.String(), "kind": "RunReport",
			"metadata": map[string]any{"name": pod, "namespace": namespace}, "status": status,
		})
		if err != nil {
			return err
		}
		force := true
		_, err = reports.Patch(ctx, pod, types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: slotFieldManager, Force: &force}, "status")
		return err
	})
}

func newSlot(log *slog.Logger, apply func(context.Context, v1alpha1.RunReportStatus) error) *slot {
	s := &slot{apply: apply, log: log, wake: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{})}
	go s.loop()
	return s
}

// update keeps the newest progress for the next write. It never blocks.
func (s *slot) update(p program.Progress) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.latest = &p
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// close writes the last progress, once, and ends the goroutine.
func (s *slot) close() {
	if s == nil {
		return
	}
	close(s.done)
	<-s.ended
}

func (s *slot) loop() {
	defer close(s.ended)
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			s.write()
			return
		case <-s.wake:
		}
		s.write()
		tick.Reset(slotInterval)
		select {
		case <-s.done:
			s.write()
			return
		case <-tick.C:
		}
	}
}

func (s *slot) write() {
	s.mu.Lock()
	p := s.latest
	s.latest = nil
	s.mu.Unlock()
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), slotTimeout)
	defer cancel()
	err := s.apply(ctx, slotStatus(*p, time.Now()))
	if err != nil && !s.failed {
		s.log.Warn("Progress could not be reported; the work goes on", "err", err)
	}
	s.failed = err != nil
}

// slotStatus translates progress into the API's words.
func slotStatus(p program.Progress, now time.Time) v1alpha1.RunReportStatus {
	message := []rune(p.Message)
	st := v1alpha1.RunReportStatus{
		Message: string(message[:min(len(message), maxSlotMessage)]),
		Store:   p.Store, UpdateTime: &metav1.Time{Time: now},
	}
	if p.Epochs > 0 {
		st.Epoch, st.Epochs = int32p(p.Epoch), int32p(p.Epochs)
		st.Members, st.MembersDone, st.MembersDiverged = int32p(p.Members), int32p(p.MembersDone), int32p(p.MembersDiverged)
	}
	if p.TestAccuracyMembers > 0 {
		st.TestAccuracySum, st.TestAccuracySquares = decimal(p.TestAccuracySum), decimal(p.TestAccuracySquares)
	}
	if p.SecondsLeft >= 0 {
		st.SecondsLeft = int32p(p.SecondsLeft)
	}
	return st
}

func int32p(n int) *int32 {
	v := int32(min(max(n, 0), 1<<31-1))
	return &v
}

func decimal(v float64) v1alpha1.Decimal {
	return v1alpha1.Decimal(strconv.FormatFloat(v, 'g', 12, 64))
}
