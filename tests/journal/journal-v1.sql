BEGIN TRANSACTION;
CREATE TABLE demonstrations (
	run INTEGER NOT NULL, 
	iteration INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	experience VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_demonstrations PRIMARY KEY (run, iteration, position), 
	CONSTRAINT fk_demonstrations_run_iteration FOREIGN KEY(run, iteration) REFERENCES iterations (run, iteration), 
	CONSTRAINT fk_demonstrations_run_experience FOREIGN KEY(run, experience) REFERENCES experiences (run, digest)
);
INSERT INTO "demonstrations" VALUES(1,1,0,'af99ec16880f1f51b14e5d974c647e6d51714ac4d51daf0246dc15ff84d9b48f');
CREATE TABLE experiences (
	run INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	task VARCHAR(64) NOT NULL, 
	program VARCHAR(64) NOT NULL, 
	normal_form TEXT NOT NULL, 
	code_lines INTEGER NOT NULL, 
	success_rate DOUBLE NOT NULL, 
	correct INTEGER NOT NULL, 
	samples INTEGER NOT NULL, 
	iteration INTEGER NOT NULL, 
	CONSTRAINT pk_experiences PRIMARY KEY (run, digest), 
	CONSTRAINT fk_experiences_run_iteration_task FOREIGN KEY(run, iteration, task) REFERENCES iteration_tasks (run, iteration, task), 
	CONSTRAINT uq_experiences_run_task UNIQUE (run, task), 
	CONSTRAINT fk_experiences_program FOREIGN KEY(program) REFERENCES programs (digest)
);
INSERT INTO "experiences" VALUES(1,'af99ec16880f1f51b14e5d974c647e6d51714ac4d51daf0246dc15ff84d9b48f','3739bd6d62b2c2f5b5e7849215f8b880a08b9d7c9d0f76aa1d19fa363ec33692','7559232ebb79b587ebcdd9eaf1841224bfddd2a2523c8d3402faf1b633df2634','nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn',2,3.33333333333333314829e-01,1,3,0);
CREATE TABLE iteration_tasks (
	run INTEGER NOT NULL, 
	iteration INTEGER NOT NULL, 
	task VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_iteration_tasks PRIMARY KEY (run, iteration, task), 
	CONSTRAINT fk_iteration_tasks_run_iteration FOREIGN KEY(run, iteration) REFERENCES iterations (run, iteration), 
	CONSTRAINT fk_iteration_tasks_run_task FOREIGN KEY(run, task) REFERENCES run_tasks (run, task)
);
INSERT INTO "iteration_tasks" VALUES(1,0,'3739bd6d62b2c2f5b5e7849215f8b880a08b9d7c9d0f76aa1d19fa363ec33692');
INSERT INTO "iteration_tasks" VALUES(1,0,'b6c963c8c801f4bed05ee8a61540bcdf984b4dff1a65fdc596f91bde894ebe60');
INSERT INTO "iteration_tasks" VALUES(1,1,'b6c963c8c801f4bed05ee8a61540bcdf984b4dff1a65fdc596f91bde894ebe60');
CREATE TABLE iterations (
	run INTEGER NOT NULL, 
	iteration INTEGER NOT NULL, 
	stratum INTEGER NOT NULL, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	digest VARCHAR(64), 
	CONSTRAINT pk_iterations PRIMARY KEY (run, iteration), 
	CONSTRAINT ck_iterations_digest_when_finished CHECK ((digest IS NULL) = (finished_at IS NULL)), 
	CONSTRAINT fk_iterations_run FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "iterations" VALUES(1,0,0,'2026-11-22 14:05:43.710754','2026-11-22 14:05:43.760441','4fc0d12de80e4287a61228c2168cf22bed37359804e0d5c63ca2e57ec8b020fc');
INSERT INTO "iterations" VALUES(1,1,0,'2026-11-22 14:05:43.775217',NULL,NULL);
CREATE TABLE journal_schema (
	version INTEGER NOT NULL, 
	CONSTRAINT pk_journal_schema PRIMARY KEY (version)
);
INSERT INTO "journal_schema" VALUES(1);
CREATE TABLE programs (
	digest VARCHAR(64) NOT NULL, 
	text TEXT, 
	CONSTRAINT pk_programs PRIMARY KEY (digest), 
	CONSTRAINT ck_programs_text_or_marker CHECK ((text IS NULL) = (digest = 'no program'))
);
INSERT INTO "programs" VALUES('7559232ebb79b587ebcdd9eaf1841224bfddd2a2523c8d3402faf1b633df2634','return E0');
INSERT INTO "programs" VALUES('fd341bc1d199a7bff67e69acc2969c5b7afe6373d0e106f65f35da303d910566','return E9');
INSERT INTO "programs" VALUES('no program',NULL);
INSERT INTO "programs" VALUES('2a3e8c091759ad9c60625265d6f9efbcda9038fdb05d6f0a26913a0f3720f7ed','escaped:return E0  # \xe9\x00\ud800');
INSERT INTO "programs" VALUES('da34dab37e7b51a934e357a662e64a7ae33d9c2fa2b62ddcddf6f88857ae2776','escaped:return E1  # \xe9\x00\ud800');
INSERT INTO "programs" VALUES('20445ae974d90c6e174f6120782f031e6916dffb31d0fca9ff1eccf74030c4ac','escaped:return E2  # \xe9\x00\ud800');
CREATE TABLE run_tasks (
	run INTEGER NOT NULL, 
	task VARCHAR(64) NOT NULL, 
	position INTEGER NOT NULL, 
	CONSTRAINT pk_run_tasks PRIMARY KEY (run, task), 
	CONSTRAINT uq_run_tasks_run_position UNIQUE (run, position), 
	CONSTRAINT fk_run_tasks_run FOREIGN KEY(run) REFERENCES runs (id), 
	CONSTRAINT fk_run_tasks_task FOREIGN KEY(task) REFERENCES tasks (digest)
);
INSERT INTO "run_tasks" VALUES(1,'3739bd6d62b2c2f5b5e7849215f8b880a08b9d7c9d0f76aa1d19fa363ec33692',0);
INSERT INTO "run_tasks" VALUES(1,'b6c963c8c801f4bed05ee8a61540bcdf984b4dff1a65fdc596f91bde894ebe60',1);
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	configuration TEXT NOT NULL, 
	configuration_digest VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	hardwon_version TEXT NOT NULL, 
	state TEXT NOT NULL, 
	ending TEXT, 
	CONSTRAINT pk_runs PRIMARY KEY (id), 
	CONSTRAINT ck_runs_state_agrees_with_ending CHECK ((ending IS NULL AND state = 'running') OR (ending IS NOT NULL AND state = 'finished'))
);
INSERT INTO "runs" VALUES(1,'{"samples":3,"seed":1,"temperatures":[0.7]}','80fc5039c3cf856768865a65fc8db6ece3fd2382f757e626d188f764fea0b013','2026-11-22 14:05:43.678518','0.1.0','running',NULL);
CREATE TABLE samples (
	run INTEGER NOT NULL, 
	iteration INTEGER NOT NULL, 
	task VARCHAR(64) NOT NULL, 
	temperature DOUBLE NOT NULL, 
	sample INTEGER NOT NULL, 
	program VARCHAR(64) NOT NULL, 
	judge VARCHAR(64) NOT NULL, 
	input_tokens INTEGER NOT NULL, 
	output_tokens INTEGER NOT NULL, 
	steps INTEGER NOT NULL, 
	CONSTRAINT pk_samples PRIMARY KEY (run, iteration, task, temperature, sample), 
	CONSTRAINT fk_samples_run_iteration_task FOREIGN KEY(run, iteration, task) REFERENCES iteration_tasks (run, iteration, task), 
	CONSTRAINT fk_samples_task_judge_program FOREIGN KEY(task, judge, program) REFERENCES verdicts (task, judge, program), 
	CONSTRAINT fk_samples_program FOREIGN KEY(program) REFERENCES programs (digest)
);
INSERT INTO "samples" VALUES(1,0,'3739bd6d62b2c2f5b5e7849215f8b880a08b9d7c9d0f76aa1d19fa363ec33692',0.7,0,'7559232ebb79b587ebcdd9eaf1841224bfddd2a2523c8d3402faf1b633df2634','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf',7,14,1);
INSERT INTO "samples" VALUES(1,0,'3739bd6d62b2c2f5b5e7849215f8b880a08b9d7c9d0f76aa1d19fa363ec33692',0.7,1,'fd341bc1d199a7bff67e69acc2969c5b7afe6373d0e106f65f35da303d910566','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf',7,14,1);
INSERT INTO "samples" VALUES(1,0,'3739bd6d62b2c2f5b5e7849215f8b880a08b9d7c9d0f76aa1d19fa363ec33692',0.7,2,'no program','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf',7,14,1);
INSERT INTO "samples" VALUES(1,0,'b6c963c8c801f4bed05ee8a61540bcdf984b4dff1a65fdc596f91bde894ebe60',0.7,0,'2a3e8c091759ad9c60625265d6f9efbcda9038fdb05d6f0a26913a0f3720f7ed','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf',7,14,1);
INSERT INTO "samples" VALUES(1,0,'b6c963c8c801f4bed05ee8a61540bcdf984b4dff1a65fdc596f91bde894ebe60',0.7,1,'da34dab37e7b51a934e357a662e64a7ae33d9c2fa2b62ddcddf6f88857ae2776','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf',7,14,1);
INSERT INTO "samples" VALUES(1,0,'b6c963c8c801f4bed05ee8a61540bcdf984b4dff1a65fdc596f91bde894ebe60',0.7,2,'20445ae974d90c6e174f6120782f031e6916dffb31d0fca9ff1eccf74030c4ac','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf',7,14,1);
INSERT INTO "samples" VALUES(1,1,'b6c963c8c801f4bed05ee8a61540bcdf984b4dff1a65fdc596f91bde894ebe60',0.7,0,'fd341bc1d199a7bff67e69acc2969c5b7afe6373d0e106f65f35da303d910566','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf',7,14,1);
CREATE TABLE tasks (
	digest VARCHAR(64) NOT NULL, 
	test_name TEXT NOT NULL, 
	content TEXT NOT NULL, 
	CONSTRAINT pk_tasks PRIMARY KEY (digest)
);
INSERT INTO "tasks" VALUES('3739bd6d62b2c2f5b5e7849215f8b880a08b9d7c9d0f76aa1d19fa363ec33692','scan/maximum','{"constraints":[],"fns":[{"apply":"return [torch.maximum(state[0], input[0])]","func_name":"fn_max","init":[-Infinity],"input_dtype":["fp32"],"name":"Max","output_dtype":["fp32"]}],"global_code":"","inputs":[{"data_gen":null,"dims":["N","M"],"dtype":["fp32"],"max":null,"min":null,"name":"E0"}],"language":"step","outputs":[{"data_transform":["input_data[''E0''].cummax(-1).values"],"dims":["N","M"],"dtype":["fp32"],"name":"E1"}],"parameters":[],"test_name":"scan/maximum"}');
INSERT INTO "tasks" VALUES('b6c963c8c801f4bed05ee8a61540bcdf984b4dff1a65fdc596f91bde894ebe60','hard','{"constraints":[],"fns":[{"apply":"return [torch.maximum(state[0], input[0])]","func_name":"fn_max","init":[-Infinity],"input_dtype":["fp32"],"name":"Max","output_dtype":["fp32"]}],"global_code":"","inputs":[{"data_gen":null,"dims":["K"],"dtype":["fp32"],"max":null,"min":null,"name":"E0"}],"language":"step","outputs":[{"data_transform":["input_data[''E0''].cummax(-1).values"],"dims":["K"],"dtype":["fp32"],"name":"E1"}],"parameters":[],"test_name":"hard"}');
CREATE TABLE verdicts (
	task VARCHAR(64) NOT NULL, 
	judge VARCHAR(64) NOT NULL, 
	program VARCHAR(64) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	content TEXT NOT NULL, 
	seconds DOUBLE NOT NULL, 
	CONSTRAINT pk_verdicts PRIMARY KEY (task, judge, program), 
	CONSTRAINT fk_verdicts_task FOREIGN KEY(task) REFERENCES tasks (digest), 
	CONSTRAINT fk_verdicts_program FOREIGN KEY(program) REFERENCES programs (digest)
);
INSERT INTO "verdicts" VALUES('3739bd6d62b2c2f5b5e7849215f8b880a08b9d7c9d0f76aa1d19fa363ec33692','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf','7559232ebb79b587ebcdd9eaf1841224bfddd2a2523c8d3402faf1b633df2634','5fd504baa1ee7c2900a4dee058fdf48a002a880e0aaedd84203fcd4a21f58041','{"affine":true,"code_lines":2,"correct":true,"errors":[],"functional":true,"normal_form":"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn","stage":null,"streams":[]}',0.25);
INSERT INTO "verdicts" VALUES('3739bd6d62b2c2f5b5e7849215f8b880a08b9d7c9d0f76aa1d19fa363ec33692','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf','fd341bc1d199a7bff67e69acc2969c5b7afe6373d0e106f65f35da303d910566','2207d855936a78c188e42c3f2ef6a59dc18fe0b45cf080fe59b2d4cd58d1ed16','{"affine":true,"code_lines":null,"correct":false,"errors":[{"difference":null,"line":1,"message":"expected fp32, got \u00e9","rule":null,"stage":"types"}],"functional":null,"normal_form":null,"stage":"types","streams":[]}',0.5);
INSERT INTO "verdicts" VALUES('3739bd6d62b2c2f5b5e7849215f8b880a08b9d7c9d0f76aa1d19fa363ec33692','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf','no program','968f24289db8d066aa85f0dad3c016bae9b3917458e453c4bc8b63d492452d65','{"affine":null,"code_lines":null,"correct":false,"errors":[],"functional":null,"normal_form":null,"stage":"parse","streams":[]}',0.0);
INSERT INTO "verdicts" VALUES('b6c963c8c801f4bed05ee8a61540bcdf984b4dff1a65fdc596f91bde894ebe60','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf','2a3e8c091759ad9c60625265d6f9efbcda9038fdb05d6f0a26913a0f3720f7ed','2207d855936a78c188e42c3f2ef6a59dc18fe0b45cf080fe59b2d4cd58d1ed16','{"affine":true,"code_lines":null,"correct":false,"errors":[{"difference":null,"line":1,"message":"expected fp32, got \u00e9","rule":null,"stage":"types"}],"functional":null,"normal_form":null,"stage":"types","streams":[]}',0.5);
INSERT INTO "verdicts" VALUES('b6c963c8c801f4bed05ee8a61540bcdf984b4dff1a65fdc596f91bde894ebe60','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf','da34dab37e7b51a934e357a662e64a7ae33d9c2fa2b62ddcddf6f88857ae2776','2207d855936a78c188e42c3f2ef6a59dc18fe0b45cf080fe59b2d4cd58d1ed16','{"affine":true,"code_lines":null,"correct":false,"errors":[{"difference":null,"line":1,"message":"expected fp32, got \u00e9","rule":null,"stage":"types"}],"functional":null,"normal_form":null,"stage":"types","streams":[]}',0.5);
INSERT INTO "verdicts" VALUES('b6c963c8c801f4bed05ee8a61540bcdf984b4dff1a65fdc596f91bde894ebe60','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf','20445ae974d90c6e174f6120782f031e6916dffb31d0fca9ff1eccf74030c4ac','2207d855936a78c188e42c3f2ef6a59dc18fe0b45cf080fe59b2d4cd58d1ed16','{"affine":true,"code_lines":null,"correct":false,"errors":[{"difference":null,"line":1,"message":"expected fp32, got \u00e9","rule":null,"stage":"types"}],"functional":null,"normal_form":null,"stage":"types","streams":[]}',0.5);
INSERT INTO "verdicts" VALUES('b6c963c8c801f4bed05ee8a61540bcdf984b4dff1a65fdc596f91bde894ebe60','034ea2dc7fdfed9ff236744200151e8a8c025711d2c71942f9f6c5f4b136daaf','fd341bc1d199a7bff67e69acc2969c5b7afe6373d0e106f65f35da303d910566','2207d855936a78c188e42c3f2ef6a59dc18fe0b45cf080fe59b2d4cd58d1ed16','{"affine":true,"code_lines":null,"correct":false,"errors":[{"difference":null,"line":1,"message":"expected fp32, got \u00e9","rule":null,"stage":"types"}],"functional":null,"normal_form":null,"stage":"types","streams":[]}',0.5);
COMMIT;
