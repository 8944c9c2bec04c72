package staged

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

const (
	containerName = "weightspace"
	// runtimeUser is uid, gid and fsGroup of every pod.
	runtimeUser = int64(65532)
	planMount   = "/etc/weightspace/plan"
	storeMount  = "/var/lib/weightspace/store"
	mebibyte    = int64(1) << 20
	// goMemoryShare of the limit is left to the Go heap; the rest is stacks and mapped files.
	goMemoryShare = 0.9
)

// podSpec is a pod under the restricted Pod Security Standard.
func podSpec(in *jobInput) corev1.PodSpec {
	compute := &in.execution.Compute
	claim, mounted := pvcClaim(in.snapshot.Store)
	s := corev1.PodSpec{
		RestartPolicy:                 corev1.RestartPolicyNever,
		ServiceAccountName:            accountOf(in.store),
		AutomountServiceAccountToken:  ptr.To(true), // for its RunReport, and nothing else
		EnableServiceLinks:            ptr.To(false),
		TerminationGracePeriodSeconds: ptr.To(in.stage.GraceSeconds),
		NodeSelector:                  compute.NodeSelector,
		Tolerations:                   compute.Tolerations,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To(runtimeUser), RunAsGroup: ptr.To(runtimeUser), FSGroup: ptr.To(runtimeUser),
			FSGroupChangePolicy: ptr.To(corev1.FSGroupChangeOnRootMismatch),
			SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Volumes: []corev1.Volume{
			{Name: "plan", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: in.planName}}}},
			{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		},
		Containers: []corev1.Container{container(in, mounted)},
	}
	if mounted {
		s.Volumes = append(s.Volumes, corev1.Volume{Name: "store", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
		}})
	}
	if a := compute.Accelerator; a != nil && a.ResourceClaimTemplateName != "" {
		s.ResourceClaims = []corev1.PodResourceClaim{{Name: "accelerator", ResourceClaimTemplateName: ptr.To(string(a.ResourceClaimTemplateName))}}
	}
	return s
}

func container(in *jobInput, mounted bool) corev1.Container {
	memory := podMemory(&in.execution.Compute, plannedMemory(&in.execution.Compute, in.stage))
	c := corev1.Container{
		Name:  containerName,
		Image: in.image,
		Args:  []string{"task", "--plan", planMount + "/" + PlanKey, "--stage", in.stage.Name},
		Env: []corev1.EnvVar{
			fieldEnv("POD_NAME", "metadata.name"),
			fieldEnv("POD_NAMESPACE", "metadata.namespace"),
			{Name: "GOMEMLIMIT", Value: strconv.FormatInt(int64(float64(memory)*goMemoryShare), 10)},
			{Name: "GOMAXPROCS", Value: strconv.Itoa(int(podCPU(&in.execution.Compute)))},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: "plan", MountPath: planMount, ReadOnly: true},
			{Name: "tmp", MountPath: "/tmp"},
		},
		Resources:                resources(&in.execution.Compute, memory),
		TerminationMessagePath:   corev1.TerminationMessagePathDefault,
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true), RunAsNonRoot: ptr.To(true),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
	if mounted {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "store", MountPath: storeMount})
		c.Env = append(c.Env, corev1.EnvVar{Name: "WEIGHTSPACE_STORE_MOUNT", Value: storeMount})
	}
	// The own store's variables come last and win where both name one.
	for _, s := range []*v1alpha1.ArtifactStore{in.sourceStore, in.store} {
		if s != nil && s.Spec.Credentials != nil && s.Spec.Credentials.SecretName != "" {
			c.EnvFrom = append(c.EnvFrom, corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: string(s.Spec.Credentials.SecretName)},
			}})
		}
	}
	return c
}

func fieldEnv(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}}
}

// resources are whole cores and memory, request equal to limit, so that pods are Guaranteed
// and a node's cores can be pinned.
func resources(compute *v1alpha1.Compute, memory int64) corev1.ResourceRequirements {
	list := corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewQuantity(podCPU(compute), resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(memory, resource.BinarySI),
	}
	r := corev1.ResourceRequirements{}
	if a := compute.Accelerator; a != nil {
		if a.Resource != "" {
			list[corev1.ResourceName(a.Resource)] = *resource.NewQuantity(int64(max(a.Count, 1)), resource.DecimalSI)
		} else {
			r.Claims = []corev1.ResourceClaim{{Name: "accelerator"}}
		}
	}
	r.Requests, r.Limits = list, list.DeepCopy()
	return r
}

func podCPU(compute *v1alpha1.Compute) int64 { return int64(max(compute.CPU, 1)) }

// plannedMemory is what the plan says a pod of these cores needs, in bytes.
func plannedMemory(compute *v1alpha1.Compute, stage *spec.Stage) int64 {
	return plan.StageMemory(stage, int(podCPU(compute)))
}

// podMemory is the larger of what the user asks and what the plan needs, in bytes.
func podMemory(compute *v1alpha1.Compute, planned int64) int64 {
	planned = (planned + mebibyte - 1) / mebibyte * mebibyte
	if q, err := resource.ParseQuantity(compute.Memory); compute.Memory != "" && err == nil {
		return max(q.Value(), planned)
	}
	return planned
}

// checkMemory refuses a request below what a stage of the plan needs.
func checkMemory(compute *v1alpha1.Compute, stage string, planned int64) *Problem {
	if compute.Memory == "" {
		return nil
	}
	q, err := resource.ParseQuantity(compute.Memory)
	if err != nil {
		return &Problem{
			Reason: v1alpha1.ReasonInvalidSpec, Stalled: true,
			Message: fmt.Sprintf("spec.compute.memory: %q is not a quantity; write it like \"2Gi\"", compute.Memory),
		}
	}
	if q.Value() >= planned {
		return nil
	}
	need := (planned + mebibyte - 1) / mebibyte
	return &Problem{
		Reason: v1alpha1.ReasonInsufficientMemory, Stalled: true,
		Message: fmt.Sprintf("spec.compute.memory: %s is below the %dMi that a pod of stage %s needs; raise it, remove it to let the plan choose, or lower spec.sharding.membersPerShard",
			compute.Memory, need, stage),
	}
}
