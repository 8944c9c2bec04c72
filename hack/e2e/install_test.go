//go:build e2e

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// helmNamespace is where TestHelmInstall puts the operator; the tests' own is elsewhere.
const helmNamespace = "weightspace-system-helm"

const managerName = "weightspace-manager"

// release is the chart, installed with the images that the cluster's operator runs.
type release struct {
	helm             string
	manager, runtime string
}

// TestHelmInstall takes the way of an admin who moves from kustomize to Helm: the operator goes,
// definitions and objects stay; the chart installs it in another namespace, where it trains a
// zoo; an upgrade leaves finished work alone and grows the zoo; uninstalling keeps definitions,
// objects and artifacts.
func TestHelmInstall(t *testing.T) {
	r := newRelease(t)
	p := newPlace(t, "helm")
	p.dataset(t, 640)
	t.Cleanup(func() { r.restore(t) })
	r.removeKustomize(t)

	p.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: helmNamespace, Labels: map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted",
	}}})

	r.run(t, "install", "--take-ownership", "--force-conflicts")
	p.zoo(t, "zoo", func(z *v1alpha1.ModelZoo) { z.Spec.Training.Epochs = 1 })
	z := p.complete(t, "zoo")
	first := z.Status.Artifact.ResultDigest
	trained := map[types.UID]bool{}
	for _, pod := range podsOf(t, p.c, p.ns, "zoo", "train") {
		trained[pod.UID] = true
	}

	r.run(t, "upgrade", "--set", "replicas=2", "--set", "networkPolicy.enabled=false")
	if d := r.deployment(t); d.Status.ReadyReplicas != 2 {
		t.Errorf("after the upgrade to replicas=2 %d replicas are ready", d.Status.ReadyReplicas)
	}
	consistently(t, 3*time.Second, "a finished zoo is left alone by an upgrade", func() string {
		for _, pod := range podsOf(t, p.c, p.ns, "zoo", "train") {
			if !trained[pod.UID] {
				return "a new training pod: " + pod.Name
			}
		}
		return ""
	})
	p.grow(t, "zoo", 3)
	eventually(t, zooDeadline, "the upgraded operator grows the zoo", func() string {
		z := p.getZoo(t, "zoo")
		if z.Status.Artifact.ResultDigest == first || !meta.IsStatusConditionTrue(z.Status.Conditions, v1alpha1.ConditionComplete) {
			return readyText(z.Status.Conditions)
		}
		return ""
	})

	r.run(t, "uninstall")
	r.gone(t)
	if z := p.getZoo(t, "zoo"); z.Status.Artifact.URI == "" {
		t.Errorf("after helm uninstall the zoo says nothing of its artifact: %s", readyText(z.Status.Conditions))
	}
	if _, err := os.Stat(filepath.Join(p.store(), p.ns, "modelzoo", "zoo", "manifest.json")); err != nil {
		t.Errorf("after helm uninstall the artifact is not in the store: %v", err)
	}
}

// grow raises the zoo's number of seeds.
func (p *place) grow(t *testing.T, name string, seeds int32) {
	t.Helper()
	z := p.getZoo(t, name)
	before := z.DeepCopy()
	z.Spec.Population.Seeds.Count = seeds
	if err := p.c.client.Patch(t.Context(), z, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// newRelease reads the images from the operator that is installed.
func newRelease(t *testing.T) *release {
	t.Helper()
	r := &release{helm: os.Getenv("WEIGHTSPACE_HELM")}
	if r.helm == "" {
		t.Fatal("WEIGHTSPACE_HELM is not set; run the tests with `make test-e2e`")
	}
	var d appsv1.Deployment
	if err := shared.client.Get(t.Context(), clientKey("weightspace-system", managerName), &d); err != nil {
		t.Fatal(err)
	}
	c := d.Spec.Template.Spec.Containers[0]
	r.manager = c.Image
	for _, e := range c.Env {
		if e.Name == "RUNTIME_IMAGE" {
			r.runtime = e.Value
		}
	}
	return r
}

// run runs helm with the values that the images need.
func (r *release) run(t *testing.T, verb string, args ...string) {
	t.Helper()
	args = append([]string{verb, "weightspace", "--namespace", helmNamespace, "--wait", "--timeout", "2m"}, args...)
	if verb != "uninstall" {
		args = append(args, "charts/weightspace")
		for value, image := range map[string]string{"image": r.manager, "runtimeImage": r.runtime} {
			repository, tag, _ := strings.Cut(image, ":")
			args = append(args, "--set", value+".repository="+repository, "--set", value+".tag="+tag)
		}
	}
	shared.run(t, r.helm, args...)
}

func (r *release) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	var d appsv1.Deployment
	if err := shared.client.Get(t.Context(), clientKey(helmNamespace, managerName), &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// removeKustomize deletes what config/default installs except the definitions and the namespace.
func (r *release) removeKustomize(t *testing.T) {
	t.Helper()
	var keep []string
	for doc := range strings.SplitSeq(shared.kubectl(t, "kustomize", "config/default"), "\n---\n") {
		if !strings.Contains("\n"+doc, "\nkind: CustomResourceDefinition\n") && !strings.Contains("\n"+doc, "\nkind: Namespace\n") {
			keep = append(keep, doc)
		}
	}
	file := filepath.Join(t.TempDir(), "operator.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(keep, "\n---\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	shared.kubectl(t, "delete", "--ignore-not-found", "--wait", "-f", file)
}

// gone checks that uninstalling removed the manager and kept the definitions.
func (r *release) gone(t *testing.T) {
	t.Helper()
	err := shared.client.Get(t.Context(), clientKey(helmNamespace, managerName), &appsv1.Deployment{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("after helm uninstall the Deployment is still there (%v)", err)
	}
	for _, kind := range []string{"artifactstores", "datasets", "modelzoos", "runreports"} {
		shared.kubectl(t, "get", "crd", kind+"."+v1alpha1.GroupVersion.Group)
	}
	if out := shared.kubectl(t, "get", "clusterroles,clusterrolebindings,validatingadmissionpolicies", "-l", "app.kubernetes.io/managed-by=Helm", "-o", "name"); strings.Contains(out, "weightspace") {
		t.Errorf("helm uninstall left:\n%s", out)
	}
}

// restore installs the operator by kustomize again, with the images it had.
func (r *release) restore(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if t.Failed() {
		out, _ := shared.try(ctx, "kubectl", "logs", "-n", helmNamespace, "deploy/"+managerName, "--tail=60")
		t.Logf("the manager of the chart said\n%s", tail(out, 12_000))
	}
	if out, err := shared.try(ctx, r.helm, "uninstall", "weightspace", "--namespace", helmNamespace, "--wait", "--ignore-not-found"); err != nil {
		t.Errorf("helm uninstall: %v\n%s", err, out)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: helmNamespace}}
	if err := client.IgnoreNotFound(shared.client.Delete(ctx, ns)); err != nil {
		t.Error(err)
	}
	out, err := shared.try(ctx, "env", "MANAGER_IMAGE="+r.manager, "RUNTIME_IMAGE="+r.runtime, "hack/install/deploy")
	if err != nil {
		t.Errorf("the operator could not be installed again; the tests after this one will fail: %v\n%s", err, out)
	}
}
