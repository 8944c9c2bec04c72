//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// killProcesses sends SIGKILL to every process of this machine whose command line holds all
// the words, as an out-of-memory killer or a crash would. It returns how many it hit.
func killProcesses(t *testing.T, words ...string) int {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for _, path := range entries {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // the process ended
		}
		line := strings.ReplaceAll(string(b), "\x00", " ")
		if !containsAll(line, words) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || pid == os.Getpid() {
			continue
		}
		if proc, err := os.FindProcess(pid); err == nil && proc.Kill() == nil {
			killed++
		}
	}
	return killed
}

func containsAll(s string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}

func TestKillTrainingPod(t *testing.T) {
	p := newPlace(t, "killpod")
	d := p.dataset(t, 4000)
	z := p.zoo(t, "zoo")
	p.training(t, "zoo")
	if n := killProcesses(t, "/weightspace", "task", "--stage", "train"); n == 0 {
		t.Fatal("no training process found to kill")
	}
	p.sameResult(t, "zoo", reference(t, d, z))
}

func TestKillManager(t *testing.T) {
	p := newPlace(t, "killmgr")
	d := p.dataset(t, 4000)
	z := p.zoo(t, "zoo")
	p.training(t, "zoo")
	if n := killProcesses(t, "/manager"); n == 0 {
		t.Fatal("no manager process found to kill")
	}
	p.sameResult(t, "zoo", reference(t, d, z))
}

func TestRestartAPIServerAndEtcd(t *testing.T) {
	p := newPlace(t, "restart")
	d := p.dataset(t, 4000)
	z := p.zoo(t, "zoo")
	p.training(t, "zoo")
	p.c.run(t, "hack/cluster/ctl", "restart", "etcd")
	p.c.run(t, "hack/cluster/ctl", "restart", "apiserver")
	p.sameResult(t, "zoo", reference(t, d, z))
}

// TestMemoryBelowPlanIsRefused: no pod starts that the plan knows would be killed for memory.
func TestMemoryBelowPlanIsRefused(t *testing.T) {
	p := newPlace(t, "oom")
	p.dataset(t, 2000)
	// A memory request below the plan is refused before any pod starts.
	p.zoo(t, "zoo", func(z *v1alpha1.ModelZoo) { z.Spec.Compute.Memory = "32Mi" })
	eventually(t, podDeadline, "Stalled", func() string {
		z := p.getZoo(t, "zoo")
		c := meta.FindStatusCondition(z.Status.Conditions, v1alpha1.ConditionStalled)
		if c == nil || c.Status != "True" {
			return readyText(z.Status.Conditions)
		}
		if c.Reason != v1alpha1.ReasonInsufficientMemory || !strings.Contains(c.Message, "spec.compute.memory") {
			return c.Reason + ": " + c.Message
		}
		return ""
	})
	if pods := podsOf(t, p.c, p.ns, "zoo", "train"); len(pods) != 0 {
		t.Errorf("%d pods were started", len(pods))
	}
}

func TestChecksumMismatchStalls(t *testing.T) {
	p := newPlace(t, "sum")
	p.dataset(t, 256, func(d *v1alpha1.Dataset) { d.Spec.Files[0].SHA256 = strings.Repeat("0", 64) })
	p.stalledDataset(t, v1alpha1.ReasonInvalidInput, "sha256")
}

func TestMalformedFileStalls(t *testing.T) {
	p := newPlace(t, "idx")
	p.dataset(t, 256, func(d *v1alpha1.Dataset) {
		// Labels where images are expected, and the other way round: right checksums, wrong contents.
		d.Spec.Files[0].Role, d.Spec.Files[1].Role = d.Spec.Files[1].Role, d.Spec.Files[0].Role
	})
	p.stalledDataset(t, v1alpha1.ReasonInvalidInput, "trainImages")
}

func TestForeignHostIsRefused(t *testing.T) {
	p := newPlace(t, "host")
	p.dataset(t, 256, func(d *v1alpha1.Dataset) { d.Spec.Files[0].URL = "https://169.254.169.254/latest/meta-data" })
	p.stalledDataset(t, v1alpha1.ReasonHostNotAllowed, "169.254.169.254")
}

func TestStoreOfAnotherNamespaceIsRefused(t *testing.T) {
	other := newPlace(t, "owner")
	p := newPlace(t, "guest")
	p.dataset(t, 256, func(d *v1alpha1.Dataset) { d.Spec.Store.Name = v1alpha1.ObjectName(other.ns) })
	p.stalledDataset(t, v1alpha1.ReasonStoreNotAllowed, other.ns)
}

func (p *place) stalledDataset(t *testing.T, reason, text string) {
	t.Helper()
	d := &v1alpha1.Dataset{}
	eventually(t, podDeadline, "Dataset stalls with "+reason, func() string {
		if err := p.c.client.Get(t.Context(), clientKey(p.ns, "mnist"), d); err != nil {
			return err.Error()
		}
		c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionStalled)
		if c == nil || c.Status != "True" || c.Reason != reason || !strings.Contains(c.Message, text) {
			return readyText(d.Status.Conditions)
		}
		return ""
	})
	version := d.ResourceVersion
	consistently(t, 5*time.Second, "a stalled data set is not retried", func() string {
		if err := p.c.client.Get(t.Context(), clientKey(p.ns, "mnist"), d); err != nil {
			return err.Error()
		}
		if d.ResourceVersion != version {
			return "it was written again: " + readyText(d.Status.Conditions)
		}
		return ""
	})
}
