package staged

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// RuntimeAccount is the ServiceAccount of pods and the ClusterRole bound to it.
const RuntimeAccount = "weightspace-runtime"

// accountOf is the ServiceAccount that pods using a store run as.
func accountOf(s *v1alpha1.ArtifactStore) string {
	if s != nil && s.Spec.Credentials != nil && s.Spec.Credentials.ServiceAccountName != "" {
		return string(s.Spec.Credentials.ServiceAccountName)
	}
	return RuntimeAccount
}

// runtimeAccount is the ServiceAccount the manager keeps in each namespace with workloads.
func runtimeAccount(namespace string) *corev1.ServiceAccount {
	no := false
	return &corev1.ServiceAccount{
		TypeMeta:                     metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta:                   metav1.ObjectMeta{Namespace: namespace, Name: RuntimeAccount, Labels: map[string]string{labelManagedBy: managedByValue}},
		AutomountServiceAccountToken: &no,
	}
}

// runtimeBinding lets one ServiceAccount of a namespace write the status of RunReports.
func runtimeBinding(namespace, account string) *rbacv1.RoleBinding {
	name := RuntimeAccount
	if account != RuntimeAccount {
		name += "-" + account
	}
	return &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "RoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{labelManagedBy: managedByValue}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: RuntimeAccount},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}},
	}
}

// boundAccount returns the account a binding of ours serves; false when it was changed.
func boundAccount(b *rbacv1.RoleBinding) (string, bool) {
	if len(b.Subjects) != 1 || b.RoleRef.Kind != "ClusterRole" || b.RoleRef.Name != RuntimeAccount {
		return "", false
	}
	want := runtimeBinding(b.Namespace, b.Subjects[0].Name)
	return b.Subjects[0].Name, b.Name == want.Name && b.Subjects[0].Namespace == b.Namespace && b.Subjects[0].Kind == rbacv1.ServiceAccountKind
}
