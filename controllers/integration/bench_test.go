//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/manager"
	"github.com/weightspace/weightspace/controllers/modelzoo"
	"github.com/weightspace/weightspace/controllers/staged"
	wt "github.com/weightspace/weightspace/controllers/testing"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

const (
	idleZoos    = 1000
	idleMembers = 400 // in 200 shards: a plan of a common size
)

// BenchmarkIdleZoos measures the manager beside 1,000 complete zoos with their plans: a pass
// over one of them against the manager's own cache, and the memory of the manager's process.
// Jobs and pods of the zoos are gone, as after their TTL. No object may be written meanwhile.
func BenchmarkIdleZoos(b *testing.B) {
	ns := "bench-idle"
	mustCreate(b, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	finishedDataset(b, ns)
	finishedZoos(b, ns)
	before := versions(b, ns)
	b.Run("reconcile", func(b *testing.B) { reconcileIdle(b, ns) })
	b.Run("memory", managerMemory)
	after := versions(b, ns)
	if len(before) != 2*idleZoos+1 || len(after) != len(before) {
		b.Errorf("%d objects before, %d after, want %d", len(before), len(after), 2*idleZoos+1)
	}
	for name, v := range before {
		if after[name] != v {
			b.Fatalf("%s was written: resourceVersion %s, before %s", name, after[name], v)
		}
	}
}

// reconcileIdle times passes over all zoos in turn with the client of a running manager.
func reconcileIdle(b *testing.B, ns string) {
	ctx, cancel := context.WithCancel(b.Context())
	passes := &countingClock{}
	policy := staged.Policy{RuntimeImage: image, AllowedHosts: []string{}}
	m, err := manager.New(ctx, config, manager.Options{
		Scheme: scheme, Policy: policy, MetricsAddress: "0", ProbeAddress: "0", InsecureMetrics: true, AllowNameReuse: true, Concurrency: 4, Clock: passes,
	})
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Errorf("manager: %v", err)
		}
	})
	// A pass asks for the time at least once, so this is when the manager has seen every zoo.
	quiet(b, "passes at start", func() int64 { return passes.n.Load() }, idleZoos)
	r := &staged.Reconciler{
		Client: m.GetClient(), Live: m.GetAPIReader(), Adapter: modelzoo.Adapter{}, Policy: &policy, Clock: clock.RealClock{},
		Recorder: m.GetEventRecorder("weightspace-manager"),
	}
	times := make([]time.Duration, 0, 1<<16)
	for b.Loop() {
		req := ctrl.Request{NamespacedName: client.ObjectKey{Namespace: ns, Name: zooName(len(times) % idleZoos)}}
		start := time.Now()
		result, err := r.Reconcile(ctx, req)
		times = append(times, time.Since(start))
		if err != nil || result != (ctrl.Result{}) {
			b.Fatalf("%s is not at rest: %+v, %v", req.Name, result, err)
		}
	}
	slices.Sort(times)
	for _, q := range []int{50, 99} {
		b.ReportMetric(float64(times[len(times)*q/100])/1e6, fmt.Sprintf("p%d-ms", q))
	}
}

// countingClock counts how often it is read.
type countingClock struct {
	clock.RealClock
	n atomic.Int64
}

func (c *countingClock) Now() time.Time {
	c.n.Add(1)
	return c.RealClock.Now()
}

// managerMemory runs the manager as users do, all namespaces and the metrics endpoint included,
// and reads its resident memory once it has passed over every zoo.
func managerMemory(b *testing.B) {
	dir := b.TempDir()
	binary := filepath.Join(dir, "manager")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-o", binary, "../..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	logs := filepath.Join(dir, "log")
	w, err := os.Create(logs)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), binary, "--runtime-image", image, "--leader-elect=false", "--log-level=debug",
		"--metrics-bind-address=127.0.0.1:0", "--health-probe-bind-address=127.0.0.1:0")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "TMPDIR="+dir)
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = w.Close()
	})
	quiet(b, "passes logged", func() int64 {
		text, err := os.ReadFile(logs)
		if err != nil {
			b.Fatal(err)
		}
		return int64(bytes.Count(text, []byte(`"msg":"Reconciled"`)))
	}, idleZoos+1)
	settled := 0.0
	for range 5 { // the highest of five seconds at rest
		time.Sleep(time.Second)
		settled = max(settled, mebibytes(b, cmd.Process.Pid, "VmRSS"))
	}
	b.ReportMetric(settled, "MiB")
	b.ReportMetric(mebibytes(b, cmd.Process.Pid, "RssAnon"), "anon-MiB") // without the pages of the binary
	b.ReportMetric(mebibytes(b, cmd.Process.Pid, "VmHWM"), "peak-MiB")
	b.ReportMetric(0, "ns/op")
}

// mebibytes reads a field of a process's status.
func mebibytes(b *testing.B, pid int, field string) float64 {
	b.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		b.Fatalf("the manager ended: %v", err)
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		if value, ok := strings.CutPrefix(s.Text(), field+":"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	b.Fatalf("no %s in the status of process %d", field, pid)
	return 0
}

// quiet waits until count has reached least and then stayed the same for a second.
func quiet(b *testing.B, what string, count func() int64, least int64) {
	b.Helper()
	last, since := int64(-1), time.Now()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(pollEvery) {
		if n := count(); n != last {
			last, since = n, time.Now()
		}
		if last >= least && time.Since(since) > time.Second {
			return
		}
	}
	b.Fatalf("%s: %d, want %d and then rest", what, last, least)
}

func zooName(i int) string { return fmt.Sprintf("zoo-%04d", i) }

func mustCreate(b *testing.B, o client.Object) {
	b.Helper()
	if err := k8s.Create(b.Context(), o); err != nil {
		b.Fatalf("create %T %s: %v", o, o.GetName(), err)
	}
}

// finishedDataset creates Dataset mnist as the manager leaves it.
func finishedDataset(b *testing.B, ns string) {
	b.Helper()
	d := wt.MakeDataset(ns, "mnist").Obj()
	mustCreate(b, d)
	d.Status.WorkloadStatus = finishedStatus(d, "dataset")
	d.Status.SpecDigest = v1alpha1.Digest(plan.DatasetSpecDigest(&d.Spec))
	d.Status.PlanConfigMap = "mnist-0123456789"
	d.Status.Images, d.Status.Shape, d.Status.Classes = "500/100/100", "1x28x28", 10
	if err := k8s.Status().Update(b.Context(), d); err != nil {
		b.Fatal(err)
	}
}

// finishedZoos creates the zoos, eight at a time.
func finishedZoos(b *testing.B, ns string) {
	b.Helper()
	failures := make([]error, 8)
	var group sync.WaitGroup
	for worker := range failures {
		group.Go(func() {
			for i := worker; i < idleZoos && failures[worker] == nil; i += len(failures) {
				failures[worker] = finishedZoo(b.Context(), ns, zooName(i))
			}
		})
	}
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		b.Fatal(err)
	}
}

// finishedZoo creates a zoo with its plan and the status that the manager leaves at the end.
func finishedZoo(ctx context.Context, ns, name string) error {
	z := wt.MakeZoo(ns, name).Seeds(idleMembers).Obj()
	if err := k8s.Create(ctx, z); err != nil {
		return err
	}
	up, err := modelzoo.Adapter{}.Upstream(ctx, k8s, z)
	if err != nil || up.Dataset == nil {
		return fmt.Errorf("dataset: %+v, %w", up.Problem, err)
	}
	s, err := plan.ModelZoo(&z.Spec, plan.Inputs{Namespace: ns, Name: name, StoreURL: "pvc://artifacts/default", Dataset: up.Dataset})
	if err != nil {
		return err
	}
	label := strings.TrimPrefix(plan.Digest(s), "sha256:")[:10]
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ns, Name: name + "-" + label, OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(z, v1alpha1.GroupVersion.WithKind("ModelZoo"))},
			Labels: map[string]string{
				"app.kubernetes.io/managed-by": "weightspace", v1alpha1.LabelKind: "ModelZoo", v1alpha1.LabelName: name,
				v1alpha1.LabelOwnerUID: string(z.UID), v1alpha1.LabelPlan: label,
			},
		},
		Immutable: ptr.To(true), Data: map[string]string{staged.PlanKey: string(plan.Marshal(s))},
	}
	if err := k8s.Create(ctx, cm); err != nil {
		return err
	}
	z.Status.WorkloadStatus = finishedStatus(z, "modelzoo")
	z.Status.SpecDigest = v1alpha1.Digest(plan.ModelZooSpecDigest(&z.Spec))
	z.Status.PlanConfigMap, z.Status.Parameters, z.Status.Epoch = cm.Name, int64(s.Zoo.Parameters), "2/2"
	for i := range s.Stages {
		n := int32(len(s.Stages[i].Shards))
		z.Status.Stages = append(z.Status.Stages, v1alpha1.StageStatus{
			Name: s.Stages[i].Name, Job: fmt.Sprintf("%s-%s-%.6s-1", name, s.Stages[i].Name, label), Attempt: 1,
			Shards: &n, Succeeded: &n, Failed: ptr.To(int32(0)), CompletionTime: z.Status.CompletionTime,
		})
	}
	z.Status.Models = v1alpha1.ModelCounts{
		Summary: fmt.Sprintf("%d/%d", idleMembers, idleMembers), Planned: ptr.To(int32(idleMembers)), Done: ptr.To(int32(idleMembers)),
		Diverged: ptr.To(int32(0)), Failed: ptr.To(int32(0)),
	}
	z.Status.TestAccuracy = v1alpha1.MetricSummary{Summary: "0.941 ± 0.032", Mean: "0.941", Std: "0.032"}
	return k8s.Status().Update(ctx, z)
}

// finishedStatus is what every kind has at the end.
func finishedStatus(o client.Object, kind string) v1alpha1.WorkloadStatus {
	now := metav1.NewTime(time.Now().Truncate(time.Second))
	st := v1alpha1.WorkloadStatus{
		ObservedGeneration: o.GetGeneration(), RuntimeImage: image, StartTime: &now, CompletionTime: &now,
		Selector: v1alpha1.LabelOwnerUID + "=" + string(o.GetUID()), ActivePods: ptr.To(int32(0)),
		Artifact: v1alpha1.ArtifactStatus{
			URI:            strings.Join([]string{"pvc://artifacts/default", o.GetNamespace(), kind, o.GetName()}, "/"),
			ManifestDigest: v1alpha1.Digest(digest("c")), ResultDigest: v1alpha1.Digest(digest("c")), SizeBytes: ptr.To(int64(10)),
		},
	}
	for _, t := range []string{v1alpha1.ConditionComplete, v1alpha1.ConditionReady} {
		st.Conditions = append(st.Conditions, metav1.Condition{
			Type: t, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonComplete, Message: "the artifact is complete",
			ObservedGeneration: o.GetGeneration(), LastTransitionTime: now,
		})
	}
	return st
}

// versions are the resourceVersions of what a namespace holds. A Job would show up in its zoo.
func versions(b *testing.B, ns string) map[string]string {
	b.Helper()
	out := map[string]string{}
	children := client.HasLabels{v1alpha1.LabelOwnerUID}
	var zoos v1alpha1.ModelZooList
	var sets v1alpha1.DatasetList
	var plans corev1.ConfigMapList
	err := errors.Join(k8s.List(b.Context(), &zoos, client.InNamespace(ns)), k8s.List(b.Context(), &sets, client.InNamespace(ns)),
		k8s.List(b.Context(), &plans, client.InNamespace(ns), children))
	if err != nil {
		b.Fatal(err)
	}
	for i := range zoos.Items {
		out[spec.KindModelZoo+" "+zoos.Items[i].Name] = zoos.Items[i].ResourceVersion
	}
	for i := range sets.Items {
		out[spec.KindDataset+" "+sets.Items[i].Name] = sets.Items[i].ResourceVersion
	}
	for i := range plans.Items {
		out["ConfigMap "+plans.Items[i].Name] = plans.Items[i].ResourceVersion
	}
	return out
}
