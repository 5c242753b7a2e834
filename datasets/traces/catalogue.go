package traces

import (
	"slices"
	"time"
)

// All are the traces that are known. Each was converted and held against a conversion by
// other means before its checksums were written down here.
func All() []Trace { return slices.Clone(all) }

// Of is the trace of that name.
func Of(name string) (Trace, bool) {
	i := slices.IndexFunc(all, func(t Trace) bool { return t.Name == name })
	if i < 0 {
		return Trace{}, false
	}
	return all[i], true
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

var all = []Trace{
	{
		Name: "clarknet_http_1min", About: "requests per minute to an Internet provider's web server",
		Origin: "ClarkNet-HTTP of the Internet Traffic Archive, 1995", Repository: "marcusalstrom/sarima-lstm-hybrid", Commit: "58426d2bde9645418d5081cf1d3392377bd5b592",
		Licence: "Internet Traffic Archive: use unrestricted. The repository, which carries the counts, states no licence",
		Step:    time.Minute, From: at("1995-08-28T04:00:00Z"), To: at("1995-09-11T03:59:00Z"), Series: 1, Rows: 20160,
		Oddities: "They add up to 0.6 % more than the archive says of itself. 4 September 1995 was Labor Day.",
		Parser:   stamped{comma: ',', header: true, layout: time.DateTime, zone: atUTCMinus4, series: "clarknet_http"},
		Files: []File{
			{"data/clarknet.csv", 479566, "c0363f82614e627daef1966deb9b62b6a20f1a8f4669bc4750f6ae5864f04210"},
		},
	},
	{
		Name: "worldcup98_http_1min", About: "requests per minute to the web site of a football world cup",
		Origin: "WorldCup98 of the Internet Traffic Archive, 1998", Repository: "nimamahmoudi/worldcup98-dataset", Commit: "82460213f0d5a86fa57b6d4b0b5f260e606e713b",
		Licence: "Internet Traffic Archive: free use; distribution for non-commercial purposes, with its copyright and disclaimer. The repository says MIT",
		Step:    time.Minute, From: at("1998-04-30T21:30:00Z"), To: at("1998-07-26T21:59:00Z"), Series: 1, Rows: 125310,
		Oddities: "It begins with a ramp-up from nothing; the tournament began on 10 June 1998. Minutes without a line were minutes without a request.",
		Parser:   stamped{comma: ',', header: true, layout: time.DateTime, zone: inUTC, series: "worldcup98", fill: time.Minute},
		Files: []File{
			{"invocation_count.csv", 3157125, "d05038f98af96f6fab054f90445e02a68f37fd00a79c23f45b9b48e5ec91fb8e"},
		},
	},
	{
		Name: "wikipedia_en_hourly", About: "page requests per hour to the English Wikipedia",
		Origin: "Wikimedia page counts, 2010 to 2015", Repository: "asi-uniovi/lloovia", Commit: "99861a7a9ec67d8fd6a8f0540dcecb00662efc3c",
		Licence: "Wikimedia publishes the counts as CC0; the repository states no licence",
		Step:    time.Hour, From: at("2010-05-01T00:00:00Z"), To: at("2015-12-31T23:00:00Z"), Series: 1, Rows: 48609,
		Oddities: "About 1,000 hours are missing, most of October 2010. Hours in which counting was broken are far too low. Telephones moved to other servers over the years.",
		Parser:   stamped{comma: ';', header: false, layout: time.DateTime, zone: inUTC, series: "enwiki"},
		Files: []File{
			{"data/paper/traces_en_wikipedia.csv", 1382007, "503b6a95b13187d187f58d06e937a65656a12a4f99291fe88bbf535357d27d0f"},
		},
	},
	{
		Name: "ms_ecommerce_api_hourly", About: "requests per second to an API of a shop, mean of the hour",
		Origin: "a Microsoft service, 2017 and 2018", Repository: "microsoft/cloud-monitoring-dataset", Commit: "6a07a53c2fac495fb6831811df4c980d6c04bd10",
		Licence: "MIT",
		Step:    time.Hour, From: at("2017-11-01T00:00:00Z"), To: at("2018-07-16T23:00:00Z"), Series: 1, Rows: 6191,
		Oddities: "One hour is missing.",
		Parser:   stamped{comma: ',', header: true, layout: time.RFC3339, zone: inUTC},
		Files: []File{
			{"data/ecommerce-api-incoming-rps/api-01.csv", 253767, "d175b5ca4fdca29ad7d7a5b9ebaba440204c5b14872338492bfb084ebf7baf1c"},
		},
	},
	{
		Name: "ms_mongodb_app_rps_1min", About: "queries per second to four databases, mean of the minute",
		Origin: "a Microsoft service, 2018", Repository: "microsoft/cloud-monitoring-dataset", Commit: "6a07a53c2fac495fb6831811df4c980d6c04bd10",
		Licence: "MIT",
		Step:    time.Minute, From: at("2018-04-25T00:00:00Z"), To: at("2018-05-05T23:59:00Z"), Series: 4, Rows: 63360,
		Oddities: "Spikes now and then are usual here; mongo-03 has a break of its level.",
		Parser:   stamped{comma: ',', header: true, layout: time.RFC3339, zone: inUTC},
		Files: []File{
			{"data/mongodb-application-rps/mongo-01.csv", 694124, "069d04b19b4830df1d1be608c00e841dde6dd7263e266993ca4b8706c875dd80"},
			{"data/mongodb-application-rps/mongo-02.csv", 542711, "0e7601e16a001fdeda68a9ba51c909ca50739ba363d1af36ec71a1f5345ceb6f"},
			{"data/mongodb-application-rps/mongo-03.csv", 540155, "f46aed042432a45e1d4dd484bcc4647c6eaf07b6ccbd0bb06a7fe316704bc307"},
			{"data/mongodb-application-rps/mongo-04.csv", 624150, "2af90c8097ed0b70a3beb4d71560957a58d92cb33be51faff4f4623bf5661b2b"},
		},
	},
	{
		Name: "ibm_cics_transactions_15min", About: "transactions per 15 min on a mainframe",
		Origin: "an IBM CICS installation", Repository: "joakimkistowski/LIMBO", Commit: "c42cb497f9b0cf7dee19d253c513a175b9701137",
		Licence: "Eclipse Public License 1.0",
		Step:    15 * time.Minute, From: at("2011-02-07T00:00:00Z"), To: at("2011-02-13T23:45:00Z"), Series: 1, Rows: 672,
		Oddities: "One week. It tells no dates: put on the week of Monday 7 February 2011.",
		Parser:   indexed{begin: time.Date(2011, 2, 7, 0, 0, 0, 0, time.UTC), step: 15 * time.Minute, series: "ibm_cics"},
		Files: []File{
			{"DLIM_examples/trace/IBM_Transactions_trace_1week.txt", 10108, "01e88bf66a2e40b7d61ebbc085d861cfcec5d56c2102bcb6d41c0b1ab03b3c93"},
		},
	},
	{
		Name: "nyc_taxi_30min", About: "taxi passengers per 30 min in New York; people, not computers",
		Origin: "New York City TLC, 2014 and 2015", Repository: "numenta/NAB", Commit: "ea702d75cc2258d9d7dd35ca8e5e2539d71f3140",
		Licence: "MIT; the raw data is public",
		Step:    30 * time.Minute, From: at("2014-07-01T04:00:00Z"), To: at("2015-02-01T04:30:00Z"), Series: 1, Rows: 10320,
		Oddities: "When clocks were set back, 2 rows are missing, and the 2 after them cover two hours together. Marathon, Thanksgiving, Christmas, New Year and a snow storm lie in it.",
		Parser:   stamped{comma: ',', header: true, layout: time.DateTime, zone: inNewYork, series: "nyc_taxi", later: true},
		Files: []File{
			{"data/realKnownCause/nyc_taxi.csv", 265771, "d8fa6f7f0734bf5c8be12c52a94e20a82664c397d9dec4449156bd453d32856d"},
		},
	},
	{
		Name: "nab_cloudwatch_5min", About: "CloudWatch metrics: cpu in percent, network in bytes, requests per 5 min",
		Origin: "Amazon CloudWatch, 2014, by the Numenta Anomaly Benchmark", Repository: "numenta/NAB", Commit: "ea702d75cc2258d9d7dd35ca8e5e2539d71f3140",
		Licence: "MIT",
		Step:    5 * time.Minute, From: at("2014-02-14T14:27:00Z"), To: at("2014-04-24T00:39:00Z"), Series: 7, Rows: 28224,
		Oddities: "Each has its own two weeks, with anomalies. The zone is not told; taken as UTC.",
		Parser:   stamped{comma: ',', header: true, layout: time.DateTime, zone: inUTC},
		Files: []File{
			{"data/realAWSCloudwatch/ec2_cpu_utilization_24ae8d.csv", 105367, "ab446fbd8b9f37507eb2fdb06315826d8daeef02e241133ce06e0ee571ba53d9"},
			{"data/realAWSCloudwatch/ec2_cpu_utilization_53ea38.csv", 116041, "8942e498de7b40f1b4a6d802755592c09b8fb73ce8f658763a09cb9ea1ea94ac"},
			{"data/realAWSCloudwatch/ec2_cpu_utilization_5f5533.csv", 119229, "01613e6f632d067f11a5dfd40a188b0789752b388d9bc77a398bd06333878a76"},
			{"data/realAWSCloudwatch/ec2_cpu_utilization_ac20cd.csv", 116980, "749a15c2e1a4543c21fee9cbf3338cd8a7ed5f5f8a1308b9b099b06c2c66e66b"},
			{"data/realAWSCloudwatch/ec2_network_in_257a54.csv", 117236, "39104b08f2e0a673b5137eb7681897fcadf0955fedf565740a6a94edc63a81a4"},
			{"data/realAWSCloudwatch/elb_request_count_8c0756.csv", 101052, "74c26574a01ca9fb89dddb5021e2e13c3a93eb25dc640438a9acb1ceb00f1021"},
			{"data/realAWSCloudwatch/rds_cpu_utilization_e47b3b.csv", 113599, "6b712b922ab3b3404c5a629d64a570c390c99471ee8b9b0ff7665f553fda92c1"},
		},
	},
	{
		Name: "nab_twitter_volume_5min", About: "mentions of companies per 5 min",
		Origin: "Twitter, 2015, by the Numenta Anomaly Benchmark", Repository: "numenta/NAB", Commit: "ea702d75cc2258d9d7dd35ca8e5e2539d71f3140",
		Licence: "MIT",
		Step:    5 * time.Minute, From: at("2015-02-26T21:42:53Z"), To: at("2015-04-23T02:47:53Z"), Series: 6, Rows: 95163,
		Oddities: "Spikes of 10 to 1,000 times the mean. The zone is not told; taken as UTC.",
		Parser:   stamped{comma: ',', header: true, layout: time.DateTime, zone: inUTC},
		Files: []File{
			{"data/realTweets/Twitter_volume_AAPL.csv", 368111, "826f5cf404c2890784a7824f7102fd00cb134a4948e12e44ec320d095cbbc217"},
			{"data/realTweets/Twitter_volume_AMZN.csv", 364666, "234f5e63f19a62720dfb7ccfd6ecc8349b94d93b33ef8aafbdb17edda0b654f3"},
			{"data/realTweets/Twitter_volume_CRM.csv", 350820, "e7133bf26479623d58fc7367107aea1cd7df6020420dece48b0eee4d26cdb28a"},
			{"data/realTweets/Twitter_volume_CVS.csv", 348802, "f0bdc89cba3dd2265b47069187c750eeae18ef48f76f86067ee26ea1af9c3114"},
			{"data/realTweets/Twitter_volume_FB.csv", 359760, "a7096bd646759486bda6796b5600cd33a4590f0842bf274ea7acba001b3ba591"},
			{"data/realTweets/Twitter_volume_GOOG.csv", 361270, "3a39cc23d1ff6a0f234b55298d0c46c21d2e94ddb81a0dad9e1e46e3aaa9ec90"},
		},
	},
	{
		Name: "azure_llm_2023_code_1s", About: "requests, and tokens, per second to a language model that writes code",
		Origin: "Azure, 2023", Repository: "Azure/AzurePublicDataset", Commit: "b469a113cedca53ddc3bdea71a143dc4b7d8700c",
		Licence: "CC-BY 4.0; cite Patel et al., ISCA 2024",
		Step:    time.Second, From: at("2023-11-16T18:17:03Z"), To: at("2023-11-16T19:14:19Z"), Series: 3, Rows: 10311,
		Oddities: "About one hour. The zone is not told; taken as UTC.",
		Parser:   requests{layout: time.DateTime, step: time.Second, series: []string{"requests", "context_tokens", "generated_tokens"}},
		Files: []File{
			{"data/AzureLLMInferenceTrace_code.csv", 320117, "54e9a6d2a4bd06ba1e060304b900abbc74cbea53de96506e60fe5bb4f2277fb6"},
		},
	},
	{
		Name: "alibaba2018_machines_30s", About: "cpu, memory, network and disk in percent, mean of all machines",
		Origin: "Alibaba cluster trace v2018", Repository: "alejandrofdez-us/DataCenter-Traces-Datasets", Commit: "003bb8e7ce9aaf4ed16ddf1652bc1a279c8ac2e6",
		Licence: "CC-BY 4.0",
		Step:    30 * time.Second, From: at("2018-01-03T00:00:00Z"), To: at("2018-01-08T23:59:30Z"), Series: 5, Rows: 86400,
		Oddities: "Days 3 to 8: of the first two, rows are missing at unknown places. It tells no dates: day 1 is put on 1 January 2018.",
		Parser:   days{begin: time.Date(2018, 1, 3, 0, 0, 0, 0, time.UTC), step: 30 * time.Second},
		Files: []File{
			{"alibaba2018/day_3/machine_usage_day_3_grouped_30_seconds.csv", 260464, "77769f0d766446fc7d2127a8ffe7288f8e353a49071ef8c623773b81cd877c4f"},
			{"alibaba2018/day_4/machine_usage_day_4_grouped_30_seconds.csv", 261008, "2d853c33aad0777865469ea5046a96069f30b70cb6cb0ddcba227efb8ea50c87"},
			{"alibaba2018/day_5/machine_usage_day_5_grouped_30_seconds.csv", 260039, "e2155f281202a0b17e160291e47e7edb589c58ab585e502029634fe2bab51024"},
			{"alibaba2018/day_6/machine_usage_day_6_grouped_30_seconds.csv", 259795, "7d4107321450acba8001e76d1d9ef0a1520ff8c05a73f81220b838f142b3eba6"},
			{"alibaba2018/day_7/machine_usage_day_7_grouped_30_seconds.csv", 260008, "f11308d093b74b5ab0acc2d2ea01a81bf8d9c502bd3a6d5267234cde8fc856ca"},
			{"alibaba2018/day_8/machine_usage_day_8_grouped_30_seconds.csv", 258799, "a13c09923ea2c7f1fa9f41c293a656f6bdace618c628f6434280851ca6d0a00e"},
		},
	},
	{
		Name: "twitter_stream_1min", About: "messages per minute of the 1 % sample of Twitter",
		Origin: "Archive Team, counts of the stream of August 2021", Repository: "reconfigurable-ml-pipeline/web-service-datasets", Commit: "7404ad6643602943511e75ab3095fb1ccc990fd1",
		Licence: "None stated; published for research: terms unclear",
		Step:    time.Minute, From: at("2021-08-01T00:00:00Z"), To: at("2021-08-22T23:30:00Z"), Series: 1, Rows: 31059,
		Oddities: "The last 28 minutes of each day are missing, and the minute before may be partial. Bursts of 5 to 15 minutes, several times a day. The day of the first row is assumed.",
		Parser:   seconds{begin: time.Date(2021, 8, 1, 0, 0, 0, 0, time.UTC), step: time.Minute, series: "twitter_sample"},
		Files: []File{
			{"dataset/twitter_trace/workload.tbz2", 1352422, "b13052c83c64d169810fe1cfec35cb6b56c96e17c023156a23c9a067e1ac66bd"},
		},
	},
}
