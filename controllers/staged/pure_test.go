package staged

import (
	"net/url"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

func TestParseIndexes(t *testing.T) {
	for text, want := range map[string]int{"": 0, "0": 1, "0,2-4": 4, "1-3,9": 3, "x": 0, "3-1": 0, "-1": 0, "0-99999999999999999999": 0, "2-100": 3} {
		if got := ParseIndexes(text, 5).Len(); got != want {
			t.Errorf("%q: %d shards, want %d", text, got, want)
		}
	}
	if x := ParseIndexes("0,2-4", 5); x.Has(1) || !x.Has(3) {
		t.Error("membership")
	}
}

func TestURIs(t *testing.T) {
	for _, tc := range []struct{ store, path, uri string }{
		{"pvc://claim/data", "ns/dataset/d", "pvc://claim/data/ns/dataset/d"},
		{"s3://b/p/?endpoint=x", "a/b/c", "s3://b/p/a/b/c?endpoint=x"},
	} {
		if got := JoinURI(tc.store, tc.path); got != tc.uri {
			t.Errorf("JoinURI(%s) = %s", tc.store, got)
		}
		if got, ok := SplitURI(tc.uri, tc.path); !ok || strings.ReplaceAll(tc.store, "/?", "?") != got {
			t.Errorf("SplitURI(%s) = %s, %v", tc.uri, got, ok)
		}
	}
	if _, ok := SplitURI("s3://b/other", "a/b/c"); ok {
		t.Error("foreign artifact split")
	}
}

func TestPolicy(t *testing.T) {
	p := &Policy{RuntimeImage: "own:1", AllowedImages: []string{"reg.example.com/team/*:v*"}, AllowedHosts: []string{"data.example.com", "lab:8080", "s3://public", "gs://shared/data/", "azblob://box"}}
	for image, want := range map[string]bool{
		"own:1": true, "own:2": false, "reg.example.com/team/x:v1": true, "reg.example.com/other/x:v1": false, "evil/reg.example.com/team/x:v1": false,
	} {
		if p.ImageAllowed(image) != want {
			t.Errorf("image %s: want %v", image, want)
		}
	}
	for text, want := range map[string]bool{
		"https://data.example.com/a": true, "https://DATA.example.com:443/a": true, "https://data.example.com:8443/a": false, "http://lab:8080/x": true,
		"http://lab/x": false, "https://data.example.com.evil.org/": false, "https://data.example.com@evil.org/": false, "https://169.254.169.254/": false,
		"s3://public/a/b": true, "s3://public2/a": false, "gs://public/a": false, "https://public/a": false, "s3://data.example.com/a": false, "azblob://box/x": true,
		"gs://shared/data/x": true, "gs://shared/database": false, "gs://shared/other/x": false, "s3:///a": false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if p.HostAllowed(u) != want {
			t.Errorf("%s: want %v", text, want)
		}
	}
}

func TestPolicyCheck(t *testing.T) {
	if err := (&Policy{AllowedHosts: []string{"data.example.com", "lab:8080", "s3://bucket", "gs://bucket/folder", "azblob://container"}}).Check(); err != nil {
		t.Error(err)
	}
	for _, e := range []string{"https://data.example.com", "data.example.com/path", "s3://", "s3://key:secret@bucket", "s3://bucket?endpoint=http://x", "file:///etc", ":80", "a b"} {
		if err := (&Policy{AllowedHosts: []string{e}}).Check(); err == nil || !strings.Contains(err.Error(), e) {
			t.Errorf("%q: %v", e, err)
		}
	}
}

func TestPickStore(t *testing.T) {
	at := func(name, url string, age int, byDefault bool) v1alpha1.ArtifactStore {
		s := v1alpha1.ArtifactStore{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(time.Unix(int64(1000-age), 0))}, Spec: v1alpha1.ArtifactStoreSpec{URL: url}}
		if byDefault {
			s.Annotations = map[string]string{v1alpha1.AnnotationDefaultStore: "true"}
		}
		return s
	}
	stores := []v1alpha1.ArtifactStore{at("old", "s3://old", 9, true), at("new", "s3://new", 1, true), at("other", "s3://other", 0, false)}
	for _, tc := range []struct {
		ref    v1alpha1.ObjectName
		frozen string
		want   string
	}{{"", "", "new"}, {"other", "", "other"}, {"none", "", ""}, {"", "s3://old/", "old"}, {"", "s3://gone", ""}} {
		got := ""
		if s := pickStore(stores, tc.ref, tc.frozen); s != nil {
			got = s.Name
		}
		if got != tc.want {
			t.Errorf("%+v: got %q", tc, got)
		}
	}
}

func TestETA(t *testing.T) {
	snap := &spec.Snapshot{Stages: []spec.Stage{{Shards: make([]spec.Shard, 10)}}}
	start := metav1.NewTime(time.Unix(1000, 0))
	report := v1alpha1.RunReport{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: start}}
	p := &Progress{Snapshot: snap, Completed: AllIndexes(4)}
	if got := eta(p, 2); got != "" {
		t.Errorf("no report: %q", got)
	}
	report.Status.SecondsLeft = ptr.To(int32(60))
	report.Status.UpdateTime = ptr.To(metav1.NewTime(time.Unix(1060, 0)))
	p.Reports = []v1alpha1.RunReport{report, report}
	// Four shards wait, two at a time, 120 s each, after the 60 s left now.
	if got := eta(p, 2); got != "5m" {
		t.Errorf("eta %q, want 5m", got)
	}
	for seconds, want := range map[float64]string{5: "5s", 119: "2m", 7260: "2h1m", 90000: "1d1h", 1e300: "3650d0h"} {
		if got := shortDuration(seconds); got != want {
			t.Errorf("%g s: %q, want %q", seconds, got, want)
		}
	}
}

func TestJobName(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, name := range []string{"zoo", long, strings.Repeat("a", 40) + "-" + strings.Repeat("b", 22)} {
		got := jobName(name, spec.StageTrain, "0123456789", 12)
		if len(got) > maxJobName || !strings.HasSuffix(got, "-train-012345-12") {
			t.Errorf("%s (%d)", got, len(got))
		}
	}
	if jobName(long, "train", "0123456789", 1) == jobName(long, "train", "1123456789", 1) {
		t.Error("plans share a name")
	}
}

func endedPod(code int32, reason, message string) corev1.Pod {
	phase := corev1.PodFailed
	if code == 0 {
		phase = corev1.PodSucceeded
	}
	return corev1.Pod{Status: corev1.PodStatus{Phase: phase, ContainerStatuses: []corev1.ContainerStatus{{
		Name: containerName, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: message}},
	}}}}
}

func TestResultOf(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	good := `{"reason":"Succeeded","result":{"manifestDigest":"` + digest + `","resultDigest":"` + digest + `","zoo":{"members":4}}}`
	for name, tc := range map[string]struct {
		pod  corev1.Pod
		want bool
	}{
		"good":        {endedPod(0, "Completed", good), true},
		"exit code":   {endedPod(1, "Error", good), false},
		"no message":  {endedPod(0, "Completed", ""), false},
		"bad digest":  {endedPod(0, "Completed", strings.ReplaceAll(good, "aaaa", "zzzz")), false},
		"other kind":  {endedPod(0, "Completed", strings.ReplaceAll(good, `"zoo":{"members":4}`, `"dataset":{}`)), false},
		"negative":    {endedPod(0, "Completed", strings.ReplaceAll(good, `4}`, `-4}`)), false},
		"cut message": {endedPod(0, "Completed", good[:40]), false},
	} {
		if got := resultOf(spec.KindModelZoo, []corev1.Pod{tc.pod}) != nil; got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestFailures(t *testing.T) {
	pods := []corev1.Pod{endedPod(75, "Error", ""), endedPod(2, "Error", "panic: x\xff"), endedPod(137, "OOMKilled", "")}
	for i := range pods {
		pods[i].Labels = map[string]string{batchv1.JobCompletionIndexAnnotation: []string{"0", "1", "2"}[i]}
	}
	got := failuresOf("train", pods)
	if len(got) != 2 || *got[0].Shard != 1 || got[0].Message != "panic: x?" || got[1].Reason != v1alpha1.ReasonOutOfMemory {
		t.Errorf("%+v", got)
	}
	if e, ok := exitOf(&batchv1.Job{Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{{
		Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: batchv1.JobReasonPodFailurePolicy, Message: "Container weightspace for pod a/b failed with exit code 69 matching FailJob rule at index 3",
	}}}}, nil, spec.ExitIncomplete); !ok || e.exitCode != 69 {
		t.Error("exit code from the Job's condition")
	}
	if s := shorten(strings.Repeat("é", 100), 50); len(s) > 50 || !strings.HasSuffix(s, "...") {
		t.Errorf("%q", s)
	}
}

func FuzzPodEnd(f *testing.F) {
	f.Add(int32(0), "Completed", `{"result":{}}`)
	f.Add(int32(137), "OOMKilled", "")
	f.Fuzz(func(t *testing.T, code int32, reason, message string) {
		p := endedPod(code, reason, message)
		e, ok := podEnd(&p)
		if !ok || len(e.text()) > maxFailureMessage {
			t.Fatal("no end, or a long text")
		}
		for _, fail := range failuresOf("train", []corev1.Pod{p}) {
			if len(fail.Reason) > maxReason || len(fail.Message) > maxFailureMessage || fail.Message == "" {
				t.Fatalf("%+v", fail)
			}
		}
		resultOf(spec.KindModelZoo, []corev1.Pod{p})
	})
}
