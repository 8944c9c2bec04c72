//go:build integration

package integration

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	wt "github.com/weightspace/weightspace/controllers/testing"
	"github.com/weightspace/weightspace/runtime/spec"
)

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(binaries, "kubectl"), append([]string{"--kubeconfig", kubeconfig}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestValidation: the schema refuses what cannot be right, and says which field.
func TestValidation(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "cel-"}}
	if err := k8s.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	zoo := wt.MakeZoo(ns.Name, "zoo").Obj()
	if err := k8s.Create(t.Context(), zoo); err != nil {
		t.Fatal(err)
	}
	for patch, want := range map[string]string{
		`{"spec":{"training":{"epochs":1}}}`:                              "spec.training.epochs",
		`{"spec":{"training":{"batchSize":10}}}`:                          "spec.training.batchSize",
		`{"spec":{"population":{"grid":{"dropout":["0.5"]}}}}`:            "spec.population.grid",
		`{"spec":{"population":{"seeds":{"count":1}}}}`:                   "spec.population.seeds.count",
		`{"spec":{"population":{"seeds":{"count":null,"values":[1,2]}}}}`: "spec.population.seeds",
		`{"spec":{"dataset":{"name":"other"}}}`:                           "spec.dataset",
		`{"spec":{"store":{"name":"other"}}}`:                             "spec.store",
		`{"spec":{"managedBy":"someone"}}`:                                "spec.managedBy",
		`{"spec":{"compute":{"cpu":0}}}`:                                  "spec.compute.cpu",
		`{"spec":{"population":{"seeds":{"count":10000000}}}}`:            "spec.population.seeds.count",
	} {
		err := k8s.Patch(t.Context(), zoo.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(patch)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want a refusal that names %s", patch, err, want)
		}
	}
	for name, o := range map[string]client.Object{
		"name":  wt.MakeZoo(ns.Name, "a.b").Obj(),
		"long":  wt.MakeZoo(ns.Name, strings.Repeat("a", 64)).Obj(),
		"url":   wt.MakeDataset(ns.Name, "d").URL("file:///etc/passwd").Obj(),
		"up":    wt.MakeDataset(ns.Name, "d").URL("store:../../other").Obj(),
		"store": wt.MakeStore("x").URL("file:///etc").Obj(),
	} {
		if err := k8s.Create(t.Context(), o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestPrinterColumns holds `kubectl get` against what the design shows.
func TestPrinterColumns(t *testing.T) {
	p := newPlace(t)
	p.readyDataset(wt.MakeDataset(p.ns, "mnist").Obj())
	p.create(wt.MakeZoo(p.ns, "zoo").Queue("q").Obj())
	p.waitZoo("zoo", v1alpha1.ConditionReady, v1alpha1.ReasonQueued, "")
	job := p.jobs("zoo")[0]
	p.mustPatch(&job, `{"spec":{"suspend":false}}`)
	p.stageSucceeds("zoo", spec.StageTrain, 2, nil)
	eventually(t, "index Job", func() string {
		for _, j := range p.jobs("zoo") {
			if j.Labels[v1alpha1.LabelStage] == spec.StageIndex {
				p.mustPatch(&j, `{"spec":{"suspend":false}}`)
				return ""
			}
		}
		return p.state("zoo")
	})
	p.stageSucceeds("zoo", spec.StageIndex, 1, zooDone(4, 2))
	p.waitZoo("zoo", v1alpha1.ConditionComplete, v1alpha1.ReasonComplete, "")
	lines := strings.Split(strings.TrimSpace(kubectl(t, "get", "mz", "-n", p.ns, "-o", "wide")), "\n")
	if got, want := strings.Join(strings.Fields(lines[0]), " "), "NAME DATASET ARCH MODELS EPOCH TEST-ACC READY STATUS ETA AGE FAILED GPUS QUEUE ARTIFACT"; got != want {
		t.Errorf("columns %q, want %q", got, want)
	}
	row := strings.Fields(lines[1])
	row[10] = "AGE" // the only cell that time moves; ETA prints as nothing
	got := strings.Join(row, " ")
	want := "zoo mnist cnn-small 4/4 2/2 0.941 ± 0.032 True Complete"
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "q pvc://artifacts/default/"+p.ns+"/modelzoo/zoo") {
		t.Errorf("row %q, want %q ...", got, want)
	}
	if out := kubectl(t, "get", "weightspace", "-n", p.ns); !strings.Contains(out, "500/100/100") || !strings.Contains(out, "1x28x28") {
		t.Errorf("kubectl get weightspace:\n%s", out)
	}
	kubectl(t, "scale", "modelzoo", "zoo", "-n", p.ns, "--replicas=5")
	if z := p.zoo("zoo"); *z.Spec.Parallelism != 5 {
		t.Errorf("/scale set parallelism %d", *z.Spec.Parallelism)
	}
}

// TestAdmission: only the pod a RunReport names writes its status, only the manager makes one,
// and the manager does all its work with the role it ships with.
func TestAdmission(t *testing.T) {
	kubectl(t, "create", "namespace", "weightspace-system")
	kubectl(t, "create", "serviceaccount", "weightspace-manager", "-n", "weightspace-system")
	for _, dir := range []string{"rbac", "admission"} {
		files, err := filepath.Glob("../../config/" + dir + "/*.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if filepath.Base(f) != "kustomization.yaml" {
				kubectl(t, "apply", "--server-side", "-f", f)
			}
		}
	}
	t.Cleanup(func() {
		_ = exec.Command(filepath.Join(binaries, "kubectl"), "--kubeconfig", kubeconfig, "delete", "validatingadmissionpolicybindings", "--all").Run()
	})
	p := newPlace(t)
	p.stop()
	// The shipped role, by impersonation of the shipped ServiceAccount.
	own := rest.CopyConfig(config)
	own.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:weightspace-system:weightspace-manager", Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	startManagerAs(t, p, own)
	p.readyDataset(wt.MakeDataset(p.ns, "mnist").Obj())
	p.create(wt.MakeZoo(p.ns, "zoo").Policy(v1alpha1.DeletionPolicyDelete).Obj())
	pods := p.waitPods("zoo", spec.StageTrain, 2)
	for _, pod := range pods {
		p.podRuns(pod)
	}
	eventually(t, "RunReports", func() string { return reportCount(p, 2) })
	as := func(pod *corev1.Pod) client.Client {
		token := &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{
			ExpirationSeconds: ptr.To(int64(600)),
			BoundObjectRef:    &authv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID},
		}}
		sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: p.ns, Name: staged.RuntimeAccount}}
		if err := k8s.SubResource("token").Create(t.Context(), sa, token); err != nil {
			t.Fatal(err)
		}
		c, err := client.New(&rest.Config{Host: config.Host, TLSClientConfig: rest.TLSClientConfig{CAData: config.CAData}, BearerToken: token.Status.Token}, client.Options{Scheme: scheme})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	write := func(c client.Client, name string) error {
		r := &v1alpha1.RunReport{ObjectMeta: metav1.ObjectMeta{Namespace: p.ns, Name: name}}
		return c.Status().Patch(t.Context(), r, client.RawPatch("application/merge-patch+json", []byte(`{"status":{"epoch":1}}`)))
	}
	first := as(&pods[0])
	eventually(t, "a pod writes its own RunReport, another's is refused", func() string {
		if err := write(first, pods[0].Name); err != nil {
			return "own: " + err.Error()
		}
		if err := write(first, pods[1].Name); err == nil || !strings.Contains(err.Error(), "only pod "+pods[1].Name) {
			return "another's was not refused by the policy"
		}
		return ""
	})
	forged := &v1alpha1.RunReport{ObjectMeta: metav1.ObjectMeta{Namespace: p.ns, Name: "forged"}, Spec: v1alpha1.RunReportSpec{
		OwnerKind: "ModelZoo", OwnerName: "zoo", Stage: "train", Shard: ptr.To(int32(0)), PodName: "forged",
	}}
	if err := k8s.Create(t.Context(), forged); err == nil || !strings.Contains(err.Error(), "manager only") {
		t.Errorf("a RunReport made by an admin: %v", err)
	}
	p.completeZoo("zoo", 2, 4, 2)
	if err := k8s.Delete(t.Context(), p.zoo("zoo")); err != nil {
		t.Fatal(err)
	}
	p.stageSucceeds("zoo", spec.StageCleanup, 1, nil)
	gone(t, p.ns, "zoo", &v1alpha1.ModelZoo{})
}

func startManagerAs(t *testing.T, p *place, cfg *rest.Config) {
	t.Helper()
	admin := config
	config = cfg
	defer func() { config = admin }()
	p.startManager(staged.Policy{RuntimeImage: image})
}
