// Numbers of the fields in the protobuf form of API objects (generated.proto of k8s.io/api and k8s.io/apimachinery
// 1.36), in a notation of our own. Only kinds that upstream clients send as bodies.
//
// `Message{first second 7seventh eighth}`: fields count from 1; a leading number sets the count. Behind the name:
// `:i` integer, `:b` bool, `:y` bytes, `:d` double, `:map` map of strings, `:map:T` map of T, `:Message`; nothing: string.
// `*` repeated. `?` optional: shown in JSON even when zero. `!` always shown in JSON. Others are dropped when zero.

/** By group version; a message is looked up in its own group, then in core/v1, then in meta/v1. */
export const MESSAGES = {
  'meta/v1': `
    DeleteOptions{gracePeriodSeconds?:i preconditions?:Preconditions orphanDependents?:b propagationPolicy? dryRun* ignoreStoreReadErrorWithClusterBreakingPotential?:b}
    CreateOptions{dryRun* 3fieldManager fieldValidation}
    WatchEvent{type object:RawExtension}
    Status{metadata:ListMeta status message reason details?:StatusDetails code:i}
    ObjectMeta{name generateName namespace selfLink uid resourceVersion generation:i creationTimestamp:Time deletionTimestamp?:Time deletionGracePeriodSeconds?:i labels:map annotations:map ownerReferences:OwnerReference* finalizers* 17managedFields:ManagedFieldsEntry*}
    Time{seconds:i nanos:i}
    MicroTime{seconds:i nanos:i}
    Preconditions{uid? resourceVersion?}
    ListMeta{selfLink resourceVersion continue remainingItemCount?:i shardInfo?:ShardInfo}
    StatusDetails{name group kind causes:StatusCause* retryAfterSeconds:i uid}
    OwnerReference{kind! 3name! uid! apiVersion! controller?:b blockOwnerDeletion?:b}
    ManagedFieldsEntry{manager operation apiVersion time?:Time 6fieldsType fieldsV1?:FieldsV1 subresource}
    Condition{type! status! observedGeneration:i lastTransitionTime!:Time reason! message!}
    LabelSelector{matchLabels:map matchExpressions:LabelSelectorRequirement*}
    ShardInfo{selector!}
    StatusCause{reason message field}
    FieldsV1{Raw:y}
    LabelSelectorRequirement{key! operator! values*}
    FieldSelectorRequirement{key! operator! values*}
  `,
  'core/v1': `
    Pod{metadata:ObjectMeta spec:PodSpec status:PodStatus}
    Node{metadata:ObjectMeta spec:NodeSpec status:NodeStatus}
    Namespace{metadata:ObjectMeta spec:NamespaceSpec status:NamespaceStatus}
    Service{metadata:ObjectMeta spec:ServiceSpec status:ServiceStatus}
    RangeAllocation{metadata:ObjectMeta range! data!:y}
    Endpoints{metadata:ObjectMeta subsets:EndpointSubset*}
    ConfigMap{metadata:ObjectMeta data:map binaryData:map:y immutable?:b}
    Secret{metadata:ObjectMeta data:map:y type stringData:map immutable?:b}
    ServiceAccount{metadata:ObjectMeta secrets:ObjectReference* imagePullSecrets:LocalObjectReference* automountServiceAccountToken?:b}
    Event{metadata!:ObjectMeta involvedObject!:ObjectReference reason message source:EventSource firstTimestamp:Time lastTimestamp:Time count:i type eventTime:MicroTime series?:EventSeries action related?:ObjectReference reportingComponent! reportingInstance!}
    Binding{metadata:ObjectMeta target!:ObjectReference}
    ReplicationController{metadata:ObjectMeta spec:ReplicationControllerSpec status:ReplicationControllerStatus}
    PersistentVolumeClaim{metadata:ObjectMeta spec:PersistentVolumeClaimSpec status:PersistentVolumeClaimStatus}
    PodSpec{volumes:Volume* containers:Container* restartPolicy terminationGracePeriodSeconds?:i activeDeadlineSeconds?:i dnsPolicy nodeSelector:map serviceAccountName serviceAccount nodeName hostNetwork:b hostPID:b hostIPC:b securityContext?:PodSecurityContext imagePullSecrets:LocalObjectReference* hostname subdomain affinity?:Affinity schedulerName initContainers:Container* automountServiceAccountToken?:b tolerations:Toleration* hostAliases:HostAlias* priorityClassName priority?:i dnsConfig?:PodDNSConfig shareProcessNamespace?:b readinessGates:PodReadinessGate* runtimeClassName? enableServiceLinks?:b preemptionPolicy? overhead:map:Quantity topologySpreadConstraints:TopologySpreadConstraint* ephemeralContainers:EphemeralContainer* setHostnameAsFQDN?:b os?:PodOS hostUsers?:b schedulingGates:PodSchedulingGate* resourceClaims:PodResourceClaim* resources?:ResourceRequirements hostnameOverride? 43schedulingGroup?:PodSchedulingGroup}
    PodStatus{phase conditions:PodCondition* message reason hostIP podIP startTime?:Time containerStatuses:ContainerStatus* qosClass initContainerStatuses:ContainerStatus* nominatedNodeName podIPs:PodIP* ephemeralContainerStatuses:ContainerStatus* resize resourceClaimStatuses:PodResourceClaimStatus* hostIPs:HostIP* observedGeneration:i extendedResourceClaimStatus?:PodExtendedResourceClaimStatus allocatedResources:map:Quantity resources?:ResourceRequirements nodeAllocatableResourceClaimStatuses:NodeAllocatableResourceClaimStatus*}
    NodeSpec{podCIDR externalID providerID unschedulable:b taints:Taint* configSource?:NodeConfigSource podCIDRs*}
    NodeStatus{capacity:map:Quantity allocatable:map:Quantity phase conditions:NodeCondition* addresses:NodeAddress* daemonEndpoints:NodeDaemonEndpoints nodeInfo:NodeSystemInfo images:ContainerImage* volumesInUse* volumesAttached:AttachedVolume* config?:NodeConfigStatus runtimeHandlers:NodeRuntimeHandler* features?:NodeFeatures declaredFeatures*}
    NamespaceSpec{finalizers*}
    NamespaceStatus{phase conditions:NamespaceCondition*}
    ServiceSpec{ports:ServicePort* selector:map clusterIP type externalIPs* 7sessionAffinity loadBalancerIP loadBalancerSourceRanges* externalName externalTrafficPolicy healthCheckNodePort:i publishNotReadyAddresses:b sessionAffinityConfig?:SessionAffinityConfig 17ipFamilyPolicy? clusterIPs* ipFamilies* allocateLoadBalancerNodePorts?:b loadBalancerClass? internalTrafficPolicy? trafficDistribution?}
    ServiceStatus{loadBalancer:LoadBalancerStatus conditions:Condition*}
    EndpointSubset{addresses:EndpointAddress* notReadyAddresses:EndpointAddress* ports:EndpointPort*}
    ObjectReference{kind namespace name uid apiVersion resourceVersion fieldPath}
    LocalObjectReference{name}
    EventSource{component host}
    EventSeries{count:i lastObservedTime:MicroTime}
    ReplicationControllerSpec{replicas?:i selector:map template?:PodTemplateSpec minReadySeconds:i}
    ReplicationControllerStatus{replicas!:i fullyLabeledReplicas:i observedGeneration:i readyReplicas:i availableReplicas:i conditions:ReplicationControllerCondition*}
    PersistentVolumeClaimSpec{accessModes* resources:VolumeResourceRequirements volumeName selector?:LabelSelector storageClassName? volumeMode? dataSource?:TypedLocalObjectReference dataSourceRef?:TypedObjectReference volumeAttributesClassName?}
    PersistentVolumeClaimStatus{phase accessModes* capacity:map:Quantity conditions:PersistentVolumeClaimCondition* allocatedResources:map:Quantity 7allocatedResourceStatuses:map currentVolumeAttributesClassName? modifyVolumeStatus?:ModifyVolumeStatus}
    Volume{name! volumeSource:VolumeSource}
    Container{name! image command* args* workingDir ports:ContainerPort* env:EnvVar* resources:ResourceRequirements volumeMounts:VolumeMount* livenessProbe?:Probe readinessProbe?:Probe lifecycle?:Lifecycle terminationMessagePath imagePullPolicy securityContext?:SecurityContext stdin:b stdinOnce:b tty:b envFrom:EnvFromSource* terminationMessagePolicy volumeDevices:VolumeDevice* startupProbe?:Probe resizePolicy:ContainerResizePolicy* restartPolicy? restartPolicyRules:ContainerRestartRule*}
    EphemeralContainer{ephemeralContainerCommon:EphemeralContainerCommon targetContainerName}
    PodSecurityContext{seLinuxOptions?:SELinuxOptions runAsUser?:i runAsNonRoot?:b supplementalGroups:i* fsGroup?:i runAsGroup?:i sysctls:Sysctl* windowsOptions?:WindowsSecurityContextOptions fsGroupChangePolicy? seccompProfile?:SeccompProfile appArmorProfile?:AppArmorProfile supplementalGroupsPolicy? seLinuxChangePolicy?}
    Affinity{nodeAffinity?:NodeAffinity podAffinity?:PodAffinity podAntiAffinity?:PodAntiAffinity}
    Toleration{key operator value effect tolerationSeconds?:i}
    HostAlias{ip! hostnames*}
    PodDNSConfig{nameservers* searches* options:PodDNSConfigOption*}
    PodReadinessGate{conditionType!}
    TopologySpreadConstraint{maxSkew!:i topologyKey! whenUnsatisfiable! labelSelector?:LabelSelector minDomains?:i nodeAffinityPolicy? nodeTaintsPolicy? matchLabelKeys*}
    PodOS{name!}
    PodSchedulingGate{name!}
    PodResourceClaim{name! 3resourceClaimName? resourceClaimTemplateName?}
    ResourceRequirements{limits:map:Quantity requests:map:Quantity claims:ResourceClaim*}
    PodSchedulingGroup{podGroupName?}
    PodCondition{type! status! lastProbeTime:Time lastTransitionTime:Time reason message observedGeneration:i}
    HostIP{ip!}
    PodIP{ip!}
    ContainerStatus{name! state:ContainerState lastState:ContainerState ready!:b restartCount!:i image! imageID! containerID started?:b allocatedResources:map:Quantity resources?:ResourceRequirements volumeMounts:VolumeMountStatus* user?:ContainerUser allocatedResourcesStatus:ResourceStatus* stopSignal?}
    PodResourceClaimStatus{name! resourceClaimName?}
    PodExtendedResourceClaimStatus{requestMappings:ContainerExtendedResourceRequest* resourceClaimName!}
    NodeAllocatableResourceClaimStatus{resourceClaimName! containers* resources:map:Quantity}
    Taint{key! value effect! timeAdded?:Time}
    NodeConfigSource{2configMap?:ConfigMapNodeConfigSource}
    NodeCondition{type! status! lastHeartbeatTime:Time lastTransitionTime:Time reason message}
    NodeAddress{type! address!}
    NodeDaemonEndpoints{kubeletEndpoint:DaemonEndpoint}
    NodeSystemInfo{machineID! systemUUID! bootID! kernelVersion! osImage! containerRuntimeVersion! kubeletVersion! kubeProxyVersion! operatingSystem! architecture! swap?:NodeSwapStatus}
    ContainerImage{names* sizeBytes:i}
    AttachedVolume{name! devicePath!}
    NodeConfigStatus{assigned?:NodeConfigSource active?:NodeConfigSource lastKnownGood?:NodeConfigSource error}
    NodeRuntimeHandler{name! features?:NodeRuntimeHandlerFeatures}
    NodeFeatures{supplementalGroupsPolicy?:b}
    NamespaceCondition{type! status! 4lastTransitionTime:Time reason message}
    ServicePort{name protocol port!:i targetPort:IntOrString nodePort:i appProtocol?}
    SessionAffinityConfig{clientIP?:ClientIPConfig}
    LoadBalancerStatus{ingress:LoadBalancerIngress*}
    EndpointAddress{ip! targetRef?:ObjectReference hostname nodeName?}
    EndpointPort{name port!:i protocol appProtocol?}
    PodTemplateSpec{metadata:ObjectMeta spec:PodSpec}
    ReplicationControllerCondition{type! status! lastTransitionTime:Time reason message}
    VolumeResourceRequirements{limits:map:Quantity requests:map:Quantity}
    TypedLocalObjectReference{apiGroup?! kind! name!}
    TypedObjectReference{apiGroup?! kind! name! namespace?}
    PersistentVolumeClaimCondition{type! status! lastProbeTime:Time lastTransitionTime:Time reason message}
    ModifyVolumeStatus{targetVolumeAttributesClassName status!}
    VolumeSource{hostPath?:HostPathVolumeSource emptyDir?:EmptyDirVolumeSource gcePersistentDisk?:GCEPersistentDiskVolumeSource awsElasticBlockStore?:AWSElasticBlockStoreVolumeSource gitRepo?:GitRepoVolumeSource secret?:SecretVolumeSource nfs?:NFSVolumeSource iscsi?:ISCSIVolumeSource glusterfs?:GlusterfsVolumeSource persistentVolumeClaim?:PersistentVolumeClaimVolumeSource rbd?:RBDVolumeSource flexVolume?:FlexVolumeSource cinder?:CinderVolumeSource cephfs?:CephFSVolumeSource flocker?:FlockerVolumeSource downwardAPI?:DownwardAPIVolumeSource fc?:FCVolumeSource azureFile?:AzureFileVolumeSource configMap?:ConfigMapVolumeSource vsphereVolume?:VsphereVirtualDiskVolumeSource quobyte?:QuobyteVolumeSource azureDisk?:AzureDiskVolumeSource photonPersistentDisk?:PhotonPersistentDiskVolumeSource portworxVolume?:PortworxVolumeSource scaleIO?:ScaleIOVolumeSource projected?:ProjectedVolumeSource storageos?:StorageOSVolumeSource csi?:CSIVolumeSource ephemeral?:EphemeralVolumeSource image?:ImageVolumeSource}
    ContainerPort{name hostPort:i containerPort!:i protocol hostIP}
    EnvFromSource{prefix configMapRef?:ConfigMapEnvSource secretRef?:SecretEnvSource}
    EnvVar{name! value valueFrom?:EnvVarSource}
    ContainerResizePolicy{resourceName! restartPolicy!}
    ContainerRestartRule{action exitCodes:ContainerRestartRuleOnExitCodes}
    VolumeMount{name! readOnly:b mountPath! subPath mountPropagation? subPathExpr recursiveReadOnly?}
    VolumeDevice{name! devicePath!}
    Probe{handler:ProbeHandler initialDelaySeconds:i timeoutSeconds:i periodSeconds:i successThreshold:i failureThreshold:i terminationGracePeriodSeconds?:i}
    Lifecycle{postStart?:LifecycleHandler preStop?:LifecycleHandler stopSignal?}
    SecurityContext{capabilities?:Capabilities privileged?:b seLinuxOptions?:SELinuxOptions runAsUser?:i runAsNonRoot?:b readOnlyRootFilesystem?:b allowPrivilegeEscalation?:b runAsGroup?:i procMount? windowsOptions?:WindowsSecurityContextOptions seccompProfile?:SeccompProfile appArmorProfile?:AppArmorProfile}
    EphemeralContainerCommon{name! image command* args* workingDir ports:ContainerPort* env:EnvVar* resources:ResourceRequirements volumeMounts:VolumeMount* livenessProbe?:Probe readinessProbe?:Probe lifecycle?:Lifecycle terminationMessagePath imagePullPolicy securityContext?:SecurityContext stdin:b stdinOnce:b tty:b envFrom:EnvFromSource* terminationMessagePolicy volumeDevices:VolumeDevice* startupProbe?:Probe resizePolicy:ContainerResizePolicy* restartPolicy? restartPolicyRules:ContainerRestartRule*}
    SELinuxOptions{user role type level}
    WindowsSecurityContextOptions{gmsaCredentialSpecName? gmsaCredentialSpec? runAsUserName? hostProcess?:b}
    Sysctl{name! value!}
    SeccompProfile{type! localhostProfile?}
    AppArmorProfile{type! localhostProfile?}
    NodeAffinity{requiredDuringSchedulingIgnoredDuringExecution?:NodeSelector preferredDuringSchedulingIgnoredDuringExecution:PreferredSchedulingTerm*}
    PodAffinity{requiredDuringSchedulingIgnoredDuringExecution:PodAffinityTerm* preferredDuringSchedulingIgnoredDuringExecution:WeightedPodAffinityTerm*}
    PodAntiAffinity{requiredDuringSchedulingIgnoredDuringExecution:PodAffinityTerm* preferredDuringSchedulingIgnoredDuringExecution:WeightedPodAffinityTerm*}
    PodDNSConfigOption{name value?}
    ResourceClaim{name! request}
    ContainerState{waiting?:ContainerStateWaiting running?:ContainerStateRunning terminated?:ContainerStateTerminated}
    VolumeMountStatus{name! mountPath! readOnly:b recursiveReadOnly? volumeStatus?:VolumeStatus}
    ContainerUser{linux?:LinuxContainerUser}
    ResourceStatus{name! resources:ResourceHealth*}
    ContainerExtendedResourceRequest{containerName! resourceName! requestName!}
    ConfigMapNodeConfigSource{namespace! name! uid resourceVersion kubeletConfigKey!}
    DaemonEndpoint{Port!:i}
    NodeSwapStatus{capacity?:i}
    NodeRuntimeHandlerFeatures{recursiveReadOnlyMounts?:b userNamespaces?:b}
    ClientIPConfig{timeoutSeconds?:i}
    LoadBalancerIngress{ip hostname ipMode? ports:PortStatus*}
    HostPathVolumeSource{path! type?}
    EmptyDirVolumeSource{medium sizeLimit?:Quantity}
    GCEPersistentDiskVolumeSource{pdName! fsType partition:i readOnly:b}
    AWSElasticBlockStoreVolumeSource{volumeID! fsType partition:i readOnly:b}
    GitRepoVolumeSource{repository! revision directory}
    SecretVolumeSource{secretName items:KeyToPath* defaultMode?:i optional?:b}
    NFSVolumeSource{server! path! readOnly:b}
    ISCSIVolumeSource{targetPortal! iqn! lun!:i iscsiInterface fsType readOnly:b portals* chapAuthDiscovery:b 10secretRef?:LocalObjectReference chapAuthSession:b initiatorName?}
    GlusterfsVolumeSource{endpoints! path! readOnly:b}
    PersistentVolumeClaimVolumeSource{claimName! readOnly:b}
    RBDVolumeSource{monitors* image! fsType pool user keyring secretRef?:LocalObjectReference readOnly:b}
    FlexVolumeSource{driver! fsType secretRef?:LocalObjectReference readOnly:b options:map}
    CinderVolumeSource{volumeID! fsType readOnly:b secretRef?:LocalObjectReference}
    CephFSVolumeSource{monitors* path user secretFile secretRef?:LocalObjectReference readOnly:b}
    FlockerVolumeSource{datasetName datasetUUID}
    DownwardAPIVolumeSource{items:DownwardAPIVolumeFile* defaultMode?:i}
    FCVolumeSource{targetWWNs* lun?:i fsType readOnly:b wwids*}
    AzureFileVolumeSource{secretName! shareName! readOnly:b}
    ConfigMapVolumeSource{localObjectReference:LocalObjectReference items:KeyToPath* defaultMode?:i optional?:b}
    VsphereVirtualDiskVolumeSource{volumePath! fsType storagePolicyName storagePolicyID}
    QuobyteVolumeSource{registry! volume! readOnly:b user group tenant}
    AzureDiskVolumeSource{diskName! diskURI! cachingMode? fsType? readOnly?:b kind?}
    PhotonPersistentDiskVolumeSource{pdID! fsType}
    ProjectedVolumeSource{sources:VolumeProjection* defaultMode?:i}
    PortworxVolumeSource{volumeID! fsType readOnly:b}
    ScaleIOVolumeSource{gateway! system! secretRef?!:LocalObjectReference sslEnabled:b protectionDomain storagePool storageMode volumeName fsType readOnly:b}
    StorageOSVolumeSource{volumeName volumeNamespace fsType readOnly:b secretRef?:LocalObjectReference}
    CSIVolumeSource{driver! readOnly?:b fsType? volumeAttributes:map nodePublishSecretRef?:LocalObjectReference}
    EphemeralVolumeSource{volumeClaimTemplate?:PersistentVolumeClaimTemplate}
    ImageVolumeSource{reference pullPolicy}
    ConfigMapEnvSource{localObjectReference:LocalObjectReference optional?:b}
    SecretEnvSource{localObjectReference:LocalObjectReference optional?:b}
    EnvVarSource{fieldRef?:ObjectFieldSelector resourceFieldRef?:ResourceFieldSelector configMapKeyRef?:ConfigMapKeySelector secretKeyRef?:SecretKeySelector fileKeyRef?:FileKeySelector}
    ContainerRestartRuleOnExitCodes{operator values:i*}
    ProbeHandler{exec?:ExecAction httpGet?:HTTPGetAction tcpSocket?:TCPSocketAction grpc?:GRPCAction}
    LifecycleHandler{exec?:ExecAction httpGet?:HTTPGetAction tcpSocket?:TCPSocketAction sleep?:SleepAction}
    Capabilities{add* drop*}
    NodeSelector{nodeSelectorTerms:NodeSelectorTerm*}
    PreferredSchedulingTerm{weight!:i preference!:NodeSelectorTerm}
    PodAffinityTerm{labelSelector?:LabelSelector namespaces* topologyKey! namespaceSelector?:LabelSelector matchLabelKeys* mismatchLabelKeys*}
    WeightedPodAffinityTerm{weight!:i podAffinityTerm!:PodAffinityTerm}
    ContainerStateWaiting{reason message}
    ContainerStateRunning{startedAt:Time}
    ContainerStateTerminated{exitCode!:i signal:i reason message startedAt:Time finishedAt:Time containerID}
    VolumeStatus{image?:ImageVolumeStatus}
    LinuxContainerUser{uid!:i gid!:i supplementalGroups:i*}
    ResourceHealth{resourceID! health 6message?}
    PortStatus{port!:i protocol! error?}
    KeyToPath{key! path! mode?:i}
    DownwardAPIVolumeFile{path! fieldRef?:ObjectFieldSelector resourceFieldRef?:ResourceFieldSelector mode?:i}
    VolumeProjection{secret?:SecretProjection downwardAPI?:DownwardAPIProjection configMap?:ConfigMapProjection serviceAccountToken?:ServiceAccountTokenProjection clusterTrustBundle?:ClusterTrustBundleProjection podCertificate?:PodCertificateProjection}
    PersistentVolumeClaimTemplate{metadata:ObjectMeta spec!:PersistentVolumeClaimSpec}
    ObjectFieldSelector{apiVersion fieldPath!}
    ResourceFieldSelector{containerName resource! divisor:Quantity}
    ConfigMapKeySelector{localObjectReference:LocalObjectReference key! optional?:b}
    SecretKeySelector{localObjectReference:LocalObjectReference key! optional?:b}
    FileKeySelector{volumeName! path! key! optional?:b}
    ExecAction{command*}
    HTTPGetAction{path port!:IntOrString host scheme httpHeaders:HTTPHeader*}
    TCPSocketAction{port!:IntOrString host}
    GRPCAction{port!:i service?!}
    SleepAction{seconds!:i}
    NodeSelectorTerm{matchExpressions:NodeSelectorRequirement* matchFields:NodeSelectorRequirement*}
    ImageVolumeStatus{imageRef}
    SecretProjection{localObjectReference:LocalObjectReference items:KeyToPath* 4optional?:b}
    DownwardAPIProjection{items:DownwardAPIVolumeFile*}
    ConfigMapProjection{localObjectReference:LocalObjectReference items:KeyToPath* 4optional?:b}
    ServiceAccountTokenProjection{audience expirationSeconds?:i path!}
    ClusterTrustBundleProjection{name? signerName? labelSelector?:LabelSelector path! optional?:b}
    PodCertificateProjection{signerName keyType maxExpirationSeconds?:i credentialBundlePath keyPath certificateChainPath userAnnotations:map}
    HTTPHeader{name! value!}
    NodeSelectorRequirement{key! operator! values*}
    ResourceQuota{metadata:ObjectMeta spec:ResourceQuotaSpec status:ResourceQuotaStatus}
    ResourceQuotaSpec{hard:map:Quantity scopes* scopeSelector?:ScopeSelector}
    ResourceQuotaStatus{hard:map:Quantity used:map:Quantity}
    ScopeSelector{matchExpressions:ScopedResourceSelectorRequirement*}
    ScopedResourceSelectorRequirement{scopeName! operator! values*}
  `,
  'apps/v1': `
    Deployment{metadata:ObjectMeta spec:DeploymentSpec status:DeploymentStatus}
    ReplicaSet{metadata:ObjectMeta spec:ReplicaSetSpec status:ReplicaSetStatus}
    DaemonSet{metadata:ObjectMeta spec:DaemonSetSpec status:DaemonSetStatus}
    StatefulSet{metadata:ObjectMeta spec:StatefulSetSpec status:StatefulSetStatus}
    ControllerRevision{metadata:ObjectMeta data:RawExtension revision!:i}
    DeploymentSpec{replicas?:i selector?!:LabelSelector template!:PodTemplateSpec strategy:DeploymentStrategy minReadySeconds:i revisionHistoryLimit?:i paused:b 9progressDeadlineSeconds?:i}
    DeploymentStatus{observedGeneration:i replicas:i updatedReplicas:i availableReplicas:i unavailableReplicas:i conditions:DeploymentCondition* readyReplicas:i collisionCount?:i terminatingReplicas?:i}
    ReplicaSetSpec{replicas?:i selector?!:LabelSelector template:PodTemplateSpec minReadySeconds:i}
    ReplicaSetStatus{replicas!:i fullyLabeledReplicas:i observedGeneration:i readyReplicas:i availableReplicas:i conditions:ReplicaSetCondition* terminatingReplicas?:i}
    DaemonSetSpec{selector?!:LabelSelector template!:PodTemplateSpec updateStrategy:DaemonSetUpdateStrategy minReadySeconds:i 6revisionHistoryLimit?:i}
    DaemonSetStatus{currentNumberScheduled!:i numberMisscheduled!:i desiredNumberScheduled!:i numberReady!:i observedGeneration:i updatedNumberScheduled:i numberAvailable:i numberUnavailable:i collisionCount?:i conditions:DaemonSetCondition*}
    StatefulSetSpec{replicas?:i selector?!:LabelSelector template!:PodTemplateSpec volumeClaimTemplates:PersistentVolumeClaim* serviceName! podManagementPolicy updateStrategy:StatefulSetUpdateStrategy revisionHistoryLimit?:i minReadySeconds:i persistentVolumeClaimRetentionPolicy?:StatefulSetPersistentVolumeClaimRetentionPolicy ordinals?:StatefulSetOrdinals}
    StatefulSetStatus{observedGeneration:i replicas!:i readyReplicas:i currentReplicas:i updatedReplicas:i currentRevision updateRevision 9collisionCount?:i conditions:StatefulSetCondition* availableReplicas!:i}
    DeploymentStrategy{type rollingUpdate?:RollingUpdateDeployment}
    DeploymentCondition{type! status! 4reason message lastUpdateTime:Time lastTransitionTime:Time}
    ReplicaSetCondition{type! status! lastTransitionTime:Time reason message}
    DaemonSetUpdateStrategy{type rollingUpdate?:RollingUpdateDaemonSet}
    DaemonSetCondition{type! status! lastTransitionTime:Time reason message}
    StatefulSetUpdateStrategy{type rollingUpdate?:RollingUpdateStatefulSetStrategy}
    StatefulSetPersistentVolumeClaimRetentionPolicy{whenDeleted whenScaled}
    StatefulSetOrdinals{start!:i}
    StatefulSetCondition{type! status! lastTransitionTime:Time reason message}
    RollingUpdateDeployment{maxUnavailable?:IntOrString maxSurge?:IntOrString}
    RollingUpdateDaemonSet{maxUnavailable?:IntOrString maxSurge?:IntOrString}
    RollingUpdateStatefulSetStrategy{partition?:i maxUnavailable?:IntOrString}
  `,
  'discovery.k8s.io/v1': `
    EndpointSlice{metadata:ObjectMeta endpoints:Endpoint* ports:EndpointPort* addressType!}
    Endpoint{addresses* conditions:EndpointConditions hostname? targetRef?:ObjectReference deprecatedTopology:map nodeName? zone? hints?:EndpointHints}
    EndpointPort{name? protocol? port?:i appProtocol?}
    EndpointConditions{ready?:b serving?:b terminating?:b}
    EndpointHints{forZones:ForZone* forNodes:ForNode*}
    ForZone{name!}
    ForNode{name!}
  `,
  'coordination.k8s.io/v1': `
    Lease{metadata:ObjectMeta spec:LeaseSpec}
    LeaseSpec{holderIdentity? leaseDurationSeconds?:i acquireTime?:MicroTime renewTime?:MicroTime leaseTransitions?:i strategy? preferredHolder?}
  `,
  'events.k8s.io/v1': `
    Event{metadata!:ObjectMeta eventTime!:MicroTime series?:EventSeries reportingController reportingInstance action reason regarding:ObjectReference related?:ObjectReference note type deprecatedSource:EventSource deprecatedFirstTimestamp:Time deprecatedLastTimestamp:Time deprecatedCount:i}
    EventSeries{count!:i lastObservedTime!:MicroTime}
  `,
  'networking.k8s.io/v1': `
    NetworkPolicy{metadata:ObjectMeta spec:NetworkPolicySpec}
    IPAddress{metadata:ObjectMeta spec:IPAddressSpec}
    ServiceCIDR{metadata:ObjectMeta spec:ServiceCIDRSpec status:ServiceCIDRStatus}
    Ingress{metadata:ObjectMeta spec:IngressSpec status:IngressStatus}
    NetworkPolicySpec{podSelector!:LabelSelector ingress:NetworkPolicyIngressRule* egress:NetworkPolicyEgressRule* policyTypes*}
    IPAddressSpec{parentRef?:ParentReference}
    ServiceCIDRSpec{cidrs*}
    ServiceCIDRStatus{conditions:Condition*}
    IngressSpec{defaultBackend?:IngressBackend tls:IngressTLS* rules:IngressRule* ingressClassName?}
    IngressStatus{loadBalancer:IngressLoadBalancerStatus}
    NetworkPolicyIngressRule{ports:NetworkPolicyPort* from:NetworkPolicyPeer*}
    NetworkPolicyEgressRule{ports:NetworkPolicyPort* to:NetworkPolicyPeer*}
    ParentReference{group resource namespace name}
    IngressBackend{3resource?:TypedLocalObjectReference service?:IngressServiceBackend}
    IngressTLS{hosts* secretName}
    IngressRule{host ingressRuleValue:IngressRuleValue}
    IngressLoadBalancerStatus{ingress:IngressLoadBalancerIngress*}
    NetworkPolicyPort{protocol? port?:IntOrString endPort?:i}
    NetworkPolicyPeer{podSelector?:LabelSelector namespaceSelector?:LabelSelector ipBlock?:IPBlock}
    IngressServiceBackend{name! port:ServiceBackendPort}
    IngressRuleValue{http?:HTTPIngressRuleValue}
    IngressLoadBalancerIngress{ip hostname 4ports:IngressPortStatus*}
    IPBlock{cidr! except*}
    ServiceBackendPort{name number:i}
    HTTPIngressRuleValue{paths:HTTPIngressPath*}
    IngressPortStatus{port!:i protocol! error?}
    HTTPIngressPath{path backend!:IngressBackend pathType?!}
  `,
  'authentication.k8s.io/v1': `
    TokenRequest{metadata:ObjectMeta spec!:TokenRequestSpec status:TokenRequestStatus}
    TokenReview{metadata:ObjectMeta spec!:TokenReviewSpec status:TokenReviewStatus}
    SelfSubjectReview{metadata:ObjectMeta status:SelfSubjectReviewStatus}
    TokenRequestSpec{audiences* 3boundObjectRef?!:BoundObjectReference expirationSeconds?!:i}
    TokenRequestStatus{token! expirationTimestamp!:Time}
    TokenReviewSpec{token audiences*}
    TokenReviewStatus{authenticated:b user:UserInfo error audiences*}
    SelfSubjectReviewStatus{userInfo:UserInfo}
    BoundObjectReference{kind apiVersion name uID}
    UserInfo{username uid groups* extra:map:ExtraValue}
    ExtraValue{items*}
  `,
  'authorization.k8s.io/v1': `
    SubjectAccessReview{metadata:ObjectMeta spec!:SubjectAccessReviewSpec status:SubjectAccessReviewStatus}
    SelfSubjectAccessReview{metadata:ObjectMeta spec!:SelfSubjectAccessReviewSpec status:SubjectAccessReviewStatus}
    LocalSubjectAccessReview{metadata:ObjectMeta spec!:SubjectAccessReviewSpec status:SubjectAccessReviewStatus}
    SubjectAccessReviewSpec{resourceAttributes?:ResourceAttributes nonResourceAttributes?:NonResourceAttributes user groups* extra:map:ExtraValue uid}
    SubjectAccessReviewStatus{allowed!:b reason evaluationError denied:b}
    SelfSubjectAccessReviewSpec{resourceAttributes?:ResourceAttributes nonResourceAttributes?:NonResourceAttributes}
    ResourceAttributes{namespace verb group version resource subresource name fieldSelector?:FieldSelectorAttributes labelSelector?:LabelSelectorAttributes}
    NonResourceAttributes{path verb}
    ExtraValue{items*}
    FieldSelectorAttributes{rawSelector requirements:FieldSelectorRequirement*}
    LabelSelectorAttributes{rawSelector requirements:LabelSelectorRequirement*}
  `,
  'rbac.authorization.k8s.io/v1': `
    RoleBinding{metadata:ObjectMeta subjects:Subject* roleRef!:RoleRef}
    ClusterRoleBinding{metadata:ObjectMeta subjects:Subject* roleRef!:RoleRef}
    ClusterRole{metadata:ObjectMeta rules:PolicyRule* aggregationRule?:AggregationRule}
    Role{metadata:ObjectMeta rules:PolicyRule*}
    Subject{kind! apiGroup name! namespace}
    RoleRef{apiGroup! kind! name!}
    PolicyRule{verbs* apiGroups* resources* resourceNames* nonResourceURLs*}
    AggregationRule{clusterRoleSelectors:LabelSelector*}
  `,
  'policy/v1': `
    Eviction{metadata:ObjectMeta deleteOptions?:DeleteOptions}
    PodDisruptionBudget{metadata:ObjectMeta spec:PodDisruptionBudgetSpec status:PodDisruptionBudgetStatus}
    PodDisruptionBudgetSpec{minAvailable?:IntOrString selector:LabelSelector maxUnavailable?:IntOrString unhealthyPodEvictionPolicy?}
    PodDisruptionBudgetStatus{observedGeneration:i disruptedPods:map:Time disruptionsAllowed!:i currentHealthy!:i desiredHealthy!:i expectedPods!:i conditions:Condition*}
  `,
  'batch/v1': `
    Job{metadata:ObjectMeta spec:JobSpec status:JobStatus}
    CronJob{metadata:ObjectMeta spec:CronJobSpec status:CronJobStatus}
    JobSpec{parallelism?:i completions?:i activeDeadlineSeconds?:i selector?:LabelSelector manualSelector?:b template!:PodTemplateSpec backoffLimit?:i ttlSecondsAfterFinished?:i completionMode? suspend?:b podFailurePolicy?:PodFailurePolicy backoffLimitPerIndex?:i maxFailedIndexes?:i podReplacementPolicy? managedBy? successPolicy?:SuccessPolicy}
    JobStatus{conditions:JobCondition* startTime?:Time completionTime?:Time active:i succeeded:i failed:i completedIndexes uncountedTerminatedPods?:UncountedTerminatedPods ready?:i failedIndexes? terminating?:i}
    CronJobSpec{schedule! startingDeadlineSeconds?:i concurrencyPolicy suspend?:b jobTemplate!:JobTemplateSpec successfulJobsHistoryLimit?:i failedJobsHistoryLimit?:i timeZone?}
    CronJobStatus{active:ObjectReference* 4lastScheduleTime?:Time lastSuccessfulTime?:Time}
    PodFailurePolicy{rules:PodFailurePolicyRule*}
    SuccessPolicy{rules:SuccessPolicyRule*}
    JobCondition{type! status! lastProbeTime:Time lastTransitionTime:Time reason message}
    UncountedTerminatedPods{succeeded* failed*}
    JobTemplateSpec{metadata:ObjectMeta spec:JobSpec}
    PodFailurePolicyRule{action! onExitCodes?:PodFailurePolicyOnExitCodesRequirement onPodConditions:PodFailurePolicyOnPodConditionsPattern*}
    SuccessPolicyRule{succeededIndexes? succeededCount?:i}
    PodFailurePolicyOnExitCodesRequirement{containerName? operator! values:i*}
    PodFailurePolicyOnPodConditionsPattern{type! status!}
  `,
  'scheduling.k8s.io/v1': `
    PriorityClass{metadata:ObjectMeta value!:i globalDefault:b description preemptionPolicy?}
  `,
  'autoscaling/v1': `
    Scale{metadata:ObjectMeta spec:ScaleSpec status:ScaleStatus}
    ScaleSpec{replicas:i}
    ScaleStatus{replicas!:i selector}
  `,
  'storage.k8s.io/v1': `
    CSINode{metadata:ObjectMeta spec!:CSINodeSpec}
    CSINodeSpec{drivers:CSINodeDriver*}
    CSINodeDriver{name! nodeID! topologyKeys* allocatable?:VolumeNodeResources}
    VolumeNodeResources{count?:i}
  `,
  'certificates.k8s.io/v1': `
    CertificateSigningRequest{metadata:ObjectMeta spec!:CertificateSigningRequestSpec status:CertificateSigningRequestStatus}
    CertificateSigningRequestSpec{request!:y username uid groups* usages* extra:map:ExtraValue signerName! expirationSeconds?:i}
    CertificateSigningRequestStatus{conditions:CertificateSigningRequestCondition* certificate:y}
    ExtraValue{items*}
    CertificateSigningRequestCondition{type! reason message lastUpdateTime:Time lastTransitionTime:Time status!}
  `,
} as const
