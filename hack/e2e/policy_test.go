//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// TestPodCannotWriteAnotherPodsReport uses a real token bound to a real training pod: it may
// write the status of its own RunReport and of no other, and it may do nothing else.
func TestPodCannotWriteAnotherPodsReport(t *testing.T) {
	p := newPlace(t, "vap")
	p.dataset(t, 8000)
	p.zoo(t, "zoo", func(z *v1alpha1.ModelZoo) { z.Spec.Training.Epochs = 40 })
	var reports v1alpha1.RunReportList
	eventually(t, zooDeadline, "two pods report", func() string {
		if err := p.c.client.List(t.Context(), &reports, client.InNamespace(p.ns)); err != nil {
			return err.Error()
		}
		n := 0
		for _, r := range reports.Items {
			if r.Spec.Stage == "train" && r.Status.UpdateTime != nil {
				n++
			}
		}
		if n < 2 {
			return "not yet"
		}
		return ""
	})
	own, other := reports.Items[0], reports.Items[1]
	as := p.asPod(t, own.Spec.PodName)

	if err := setMessage(t, as, &own); err != nil {
		t.Errorf("a pod cannot write its own report: %v", err)
	}
	if err := setMessage(t, as, &other); !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
		t.Errorf("a pod wrote another pod's report: %v", err)
	}
	for what, err := range map[string]error{
		"list Secrets":    as.List(t.Context(), &corev1.SecretList{}, client.InNamespace(p.ns)),
		"list pods":       as.List(t.Context(), &corev1.PodList{}, client.InNamespace(p.ns)),
		"list ModelZoos":  as.List(t.Context(), &v1alpha1.ModelZooList{}, client.InNamespace(p.ns)),
		"delete a report": as.Delete(t.Context(), &v1alpha1.RunReport{ObjectMeta: metav1.ObjectMeta{Namespace: p.ns, Name: other.Name}}),
		"create a report": as.Create(t.Context(), &v1alpha1.RunReport{ObjectMeta: metav1.ObjectMeta{Namespace: p.ns, Name: "mine"}, Spec: own.Spec}),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("a training pod may %s: %v", what, err)
		}
	}
}

func setMessage(t *testing.T, as client.Client, r *v1alpha1.RunReport) error {
	t.Helper()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"message":"written by the policy test"}}`))
	return as.Status().Patch(t.Context(), &v1alpha1.RunReport{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: r.Name}}, patch)
}

// asPod returns a client with a token of the pod's ServiceAccount bound to the pod, as the kubelet issues it.
func (p *place) asPod(t *testing.T, name string) client.Client {
	t.Helper()
	var pod corev1.Pod
	if err := p.c.client.Get(t.Context(), clientKey(p.ns, name), &pod); err != nil {
		t.Fatal(err)
	}
	set, err := kubernetes.NewForConfig(p.c.config)
	if err != nil {
		t.Fatal(err)
	}
	token, err := set.CoreV1().ServiceAccounts(p.ns).CreateToken(t.Context(), pod.Spec.ServiceAccountName, &authv1.TokenRequest{
		Spec: authv1.TokenRequestSpec{BoundObjectRef: &authv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(p.c.config)
	config.BearerToken = token.Status.Token
	c, err := client.New(config, client.Options{Scheme: p.c.client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestManagerRoleIsMinimal looks at what is installed, not at the files.
func TestManagerRoleIsMinimal(t *testing.T) {
	var bindings rbacv1.ClusterRoleBindingList
	if err := shared.client.List(t.Context(), &bindings); err != nil {
		t.Fatal(err)
	}
	roles := 0
	for _, b := range bindings.Items {
		for _, s := range b.Subjects {
			if s.Namespace != "weightspace-system" {
				continue
			}
			var role rbacv1.ClusterRole
			if err := shared.client.Get(t.Context(), client.ObjectKey{Name: b.RoleRef.Name}, &role); err != nil {
				t.Fatal(err)
			}
			roles++
			for _, r := range role.Rules {
				checkRule(t, role.Name, r)
			}
		}
	}
	if roles == 0 {
		t.Error("no ClusterRole is bound in weightspace-system")
	}
}

func checkRule(t *testing.T, role string, r rbacv1.PolicyRule) {
	for _, list := range [][]string{r.Verbs, r.APIGroups, r.Resources} {
		for _, v := range list {
			if v == "*" || strings.HasPrefix(v, "*/") {
				t.Errorf("%s has a wildcard: %v", role, r)
			}
		}
	}
	for _, res := range r.Resources {
		if res == "secrets" {
			t.Errorf("%s may touch Secrets: %v", role, r)
		}
	}
}

// TestFirstPodAppears measures apply -> first pod; the number goes to the log, the bound
// is generous because a test is no benchmark.
func TestFirstPodAppears(t *testing.T) {
	p := newPlace(t, "first")
	p.dataset(t, 256)
	eventually(t, zooDeadline, "Dataset ready", func() string {
		d := &v1alpha1.Dataset{}
		if err := p.c.client.Get(t.Context(), clientKey(p.ns, "mnist"), d); err != nil {
			return err.Error()
		}
		if d.Status.Artifact.URI == "" {
			return readyText(d.Status.Conditions)
		}
		return ""
	})
	start := time.Now()
	p.zoo(t, "zoo", func(z *v1alpha1.ModelZoo) { z.Spec.Training.Epochs = 1 })
	eventually(t, 20*time.Second, "first pod", func() string {
		if len(podsOf(t, p.c, p.ns, "zoo", "train")) == 0 {
			return "none"
		}
		return ""
	})
	t.Logf("apply to first pod created: %s", time.Since(start).Round(10*time.Millisecond))
	p.complete(t, "zoo")
}
