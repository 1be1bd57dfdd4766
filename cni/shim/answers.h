/* The answers that the shim gives by itself, when nobody is there to give better ones. Numbers: CNI specification 1.1,
 * "Error"; test/unit/cni/shim-answers.test.ts holds the lists of versions here and in cni/plugin together. */
#ifndef WEFT_SHIM_ANSWERS_H
#define WEFT_SHIM_ANSWERS_H

#define ANSWER_VERSION \
	"{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n"
#define ANSWER_ABOUT "weft-cni: CNI plugin of Weft\nCNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n"
#define ANSWER_TRY_AGAIN \
	"{\"code\":11,\"msg\":\"the weft agent of this host does not answer; try again later\"}\n"
#define ANSWER_NOT_QUEUED \
	"{\"code\":11,\"msg\":\"the weft agent of this host does not answer and the deletion could not be queued; try again later\"}\n"
#define ANSWER_NOT_READY \
	"{\"code\":50,\"msg\":\"the weft agent of this host does not answer; new pods cannot be wired\"}\n"
#define ANSWER_BAD_COMMAND "{\"code\":4,\"msg\":\"unknown CNI_COMMAND\"}\n"
#define ANSWER_NO_ATTACHMENT "{\"code\":4,\"msg\":\"required env variables [CNI_CONTAINERID,CNI_IFNAME] missing\"}\n"
#define ANSWER_TOO_LARGE "{\"code\":5,\"msg\":\"the request does not fit in memory\"}\n"

#endif
